"""What a command says: tables for people, JSON for programs, progress beside both."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TextIO
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typing_extensions import override

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

WIDE = 200
"""Columns where there is no terminal, and COLUMNS says nothing: what is piped on should not be cut
off."""


class _Screen(Console):
    @override
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def screen() -> Console:
    """What people read."""
    return _Screen(highlight=False, width=_width(sys.stdout))


def show(what: Any, width: int = 0) -> None:
    """Prints something for people; where no terminal is, without blanks at the ends of lines.

    What needs a certain `width` gets it: a terminal that has less breaks the lines itself.
    """
    console = screen()
    console.width = max(width, console.width)
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as captured:
        console.print(what)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def side() -> Console:
    """Where progress goes, and what is said to people while a program reads the output."""
    return _Screen(stderr=True, highlight=False, width=_width(sys.stderr))


def print_note(line: str) -> None:
    """Tells people something beside the output, on one line where no terminal wraps it."""
    console = side()
    console.print(Text(printable(line)), soft_wrap=not console.is_terminal)


def print_json(document: Any) -> None:
    """One JSON document."""
    print(as_json(document))


def print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON document, a list that need not fit into memory."""
    separator = "["
    for row in rows:
        sys.stdout.write(f"{separator}{as_json(row)}")
        separator = ",\n "
    sys.stdout.write("[]\n" if separator == "[" else "]\n")


def as_json(document: Any) -> str:
    """JSON on one line: exact decimals and ids as text, moments in UTC."""
    return json.dumps(document, default=_plain)


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(str(value))


def moment(value: datetime | None) -> str:
    """A moment as people read it, in UTC and to the second."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def duration(seconds: float | None) -> str:
    """A length of time as people read it."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def fitting(line: str) -> str:
    """The line, cut off where the terminal ends."""
    width = screen().width
    return line if len(line) <= width else f"{line[: width - 1]}\N{HORIZONTAL ELLIPSIS}"


def printable(text: str) -> str:
    """The text on one line, without what would steer a terminal."""
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(map(_shown, text))


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number of things: ``1 saga``, ``2 sagas``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def facts(rows: Sequence[tuple[str, Any]]) -> Table:
    """Names and values, one below the other."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in rows:
        grid.add_row(name, Text(cell(value)))
    return grid


def _width(stream: TextIO) -> int | None:
    """How wide to write; None where the terminal knows."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    return None if stream.isatty() else WIDE


def _shown(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID | Decimal | date):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{value!r} has no form in JSON")
