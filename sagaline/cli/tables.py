"""Tables for people, which fit their terminal and cut nothing off."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from sagaline.cli.output import cell, screen, show

GAP = 2
"""Columns between two columns."""

MOST = 2**62
"""More than any table has rows, and still a number that every database takes."""

LEAST = 10
"""Columns that the rest of the line needs to be worth showing."""


def within_reach(count: int | None) -> int | None:
    """A number of rows that somebody asks for: beyond MOST all numbers mean the same."""
    return count if count is None else min(count, MOST)


class Listing:
    """Rows under headings, with at most one column of text that goes on below where it must.

    A heading that begins with ``#`` is of numbers, with ``>`` of the column that takes the rest,
    and with ``?`` of one that is left out where there is no room for it, the last one first. The
    others stay whole, so that ids can be copied, also where the terminal is too narrow for them.
    """

    def __init__(self, *headings: str, title: str = "") -> None:
        self._kinds = [each[:1] if each[:1] in ("#", ">", "?") else "" for each in headings]
        self._headings = [
            each.removeprefix(k) for each, k in zip(headings, self._kinds, strict=True)
        ]
        self._title = title
        self._rows: list[tuple[list[str], str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *values: Any, style: str = "") -> None:
        """Adds a row of plain values: nothing in them is taken for markup, or moves the cursor."""
        self._rows.append(([cell(each) for each in values], style))

    def show(self, empty: str = "There are none.") -> None:
        """Prints the table, or what is said where it is empty."""
        if not self._rows:
            show(empty)
            return
        widths = self._fitting(screen().width)
        show(self._drawn(widths), width=sum(widths.values()) + GAP * len(widths))

    def _drawn(self, widths: Mapping[int, int]) -> Table:
        drawn = Table(
            box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False,
            title=self._title or None, title_justify="left", title_style="bold",
        )  # fmt: skip
        for index, width in widths.items():
            number = self._kinds[index] == "#"
            drawn.add_column(
                self._headings[index],
                justify="right" if number else "left",
                overflow="fold",
                width=width,
            )
        for cells, style in self._rows:
            drawn.add_row(*(Text(cells[index]) for index in widths), style=style)
        return drawn

    def _fitting(self, room: int) -> dict[int, int]:
        """The columns to show, and their widths."""
        widths = {index: self._width(index) for index in range(len(self._headings))}
        rest = {index: widths[index] for index in widths if self._kinds[index] == ">"}
        least = widths | {index: min(width, LEAST) for index, width in rest.items()}
        optional = [index for index in widths if self._kinds[index] == "?"]
        for index in [*reversed(optional), *rest]:
            if sum(least.values()) + GAP * (len(least) - 1) > room:
                del least[index]
        spare = room - sum(least.values()) - GAP * (len(least) - 1)
        for index in rest:
            if index in least:
                least[index] = min(widths[index], least[index] + max(spare, 0))
        return least

    def _width(self, index: int) -> int:
        cells = [self._headings[index], *(cells[index] for cells, _ in self._rows)]
        return max(map(cell_len, cells))
