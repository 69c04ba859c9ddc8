"""Tables for people, which fit their terminal and never cut an id off."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sagaline.cli.output import cell, columns, show

if TYPE_CHECKING:
    from rich.table import Table

GAP = 2
"""Blank columns of the terminal between two columns of a table."""

MAX_LIMIT = 2**62
"""More than any table has rows, and still a number that every database accepts."""

MIN_TEXT_WIDTH = 10
"""Columns of the terminal that wrapped text needs; with fewer it is left out."""


def clamp_limit(count: int | None) -> int | None:
    """Reduce a number of rows from the command line to one that every database accepts."""
    return count if count is None else min(count, MAX_LIMIT)


class Listing:
    """Rows under headings, of which at most one column wraps.

    The first character of a heading says what its column is: ``#`` numbers, ``>`` the text that
    takes the rest of the line and wraps, ``?`` a column that is left out where the terminal is too
    narrow, the last one first. The others stay whole, so that ids can be copied, even where the
    terminal is too narrow for them.
    """

    def __init__(self, *headings: str, title: str = "") -> None:
        self._kinds = [each[:1] if each[:1] in ("#", ">", "?") else "" for each in headings]
        self._headings = [
            each.removeprefix(kind) for each, kind in zip(headings, self._kinds, strict=True)
        ]
        self._title = title
        self._rows: list[tuple[list[str], str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *values: Any, style: str = "") -> None:
        """Add a row of plain values: markup and control characters in them have no effect."""
        self._rows.append(([cell(each) for each in values], style))

    def show(self, empty: str = "There are none.") -> None:
        """Print the table, or the text for an empty one."""
        if not self._rows:
            show(empty)
            return
        widths = self._widths_within(columns())
        show(self._drawn(widths), width=_total(widths.values()))

    def _drawn(self, shown: Collection[int]) -> "Table":
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False,
            title=self._title or None, title_justify="left", title_style="bold",
        )  # fmt: skip
        for index in shown:
            kind = self._kinds[index]
            table.add_column(
                self._headings[index],
                justify="right" if kind == "#" else "left",
                overflow="fold",
                no_wrap=kind != ">",
            )
        for cells, style in self._rows:
            table.add_row(*(Text(cells[index]) for index in shown), style=style)
        return table

    def _widths_within(self, room: int) -> dict[int, int]:
        """Return the columns to show with their least widths; rich shares out what is left."""
        widths = {index: self._least_width(index) for index in range(len(self._headings))}
        for kind in ("?", ">"):
            for index in reversed([each for each in widths if self._kinds[each] == kind]):
                if _total(widths.values()) > room:
                    del widths[index]
        return widths

    def _least_width(self, index: int) -> int:
        from rich.cells import cell_len

        cells = [self._headings[index], *(cells[index] for cells, _ in self._rows)]
        widest = max(map(cell_len, cells))
        return min(widest, MIN_TEXT_WIDTH) if self._kinds[index] == ">" else widest


def _total(widths: Collection[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
