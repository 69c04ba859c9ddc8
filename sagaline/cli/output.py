"""The output of a command: text and tables for people, JSON for programs, notes on stderr.

Rich takes a tenth of the start of a command, so it is imported when something is drawn.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime
from decimal import Decimal
from time import time
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from sagaline.messaging.plain_text import escaped, without_secrets

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

COLUMNS_OF_A_PIPE = 200
"""Columns where there is no terminal and COLUMNS is not set: output for a pipe is not cut off."""


_AS_IT_IS: Final[dict[str, Any]] = {"highlight": False, "markup": False, "emoji": False}
"""Names and keys may have brackets and colons, in which rich would see styles and emoji."""


note_format: Final = ContextVar("note_format", default="text")
"""How notes are printed: `text`, or `json` where the log is."""


def columns() -> int:
    """Return the width of the output."""
    return shutil.get_terminal_size((COLUMNS_OF_A_PIPE, 0)).columns


def show(what: Any, width: int = 0) -> None:
    """Print text or a table for people; without a terminal, no line ends in blanks.

    A table gets at least `width` columns; a narrower terminal wraps its lines.
    """
    from rich.console import Console

    console = Console(**_AS_IT_IS, width=max(width, columns()))
    if console.is_terminal:
        console.print(what)
        return
    with console.capture() as captured:
        console.print(what)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def stderr_console() -> "Console":
    """Return the console for progress and log lines."""
    from rich.console import Console

    return Console(**_AS_IT_IS, stderr=True)


def print_note(line: str, level: str = "INFO") -> None:
    """Print a line to stderr, where it does not mix with the output for programs.

    It is JSON, with this level, where the log is: then each line of stderr is.
    """
    text = without_secrets(printable(line))
    if note_format.get() == "json":
        text = as_json(
            {"time": utc(time()), "level": level, "logger": "sagaline.cli", "text": text}
        )
    elif sys.stderr.isatty():
        text = textwrap.fill(text, columns(), break_on_hyphens=False)
    print(text, file=sys.stderr)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(as_json(document))


def print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON document, a list, row by row: it need not fit into memory."""
    separator = "["
    for row in rows:
        sys.stdout.write(f"{separator}{as_json(row)}")
        separator = ",\n "
    sys.stdout.write("[]\n" if separator == "[" else "]\n")


def as_json(document: Any) -> str:
    """Return JSON on one line: decimals and ids as text, times in UTC."""
    return json.dumps(document, default=_plain)


def cell(value: Any) -> str:
    """Format a value for people."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(str(value))


def moment(value: datetime | None) -> str:
    """Format a time for people, in UTC and to the second."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def duration(seconds: float | None) -> str:
    """Format a length of time for people."""
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
    """Cut a line off at the width of the output."""
    width = columns()
    return line if len(line) <= width else f"{line[: width - 1]}\N{HORIZONTAL ELLIPSIS}"


def printable(text: str) -> str:
    """Return the text on one line, with control characters escaped."""
    return escaped(" ".join(text.split()))


def utc(seconds: float) -> str:
    """Format a time, in seconds since 1970, for programs: ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counted(count: int, noun: str) -> str:
    """Format a count with its noun: ``1 saga``, ``2 sagas``."""
    return f"{count:,} {noun if count == 1 else f'{noun}s'}"


def facts(rows: Sequence[tuple[str, Any]]) -> "Table":
    """Return a table of names and values, one pair a line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in rows:
        grid.add_row(name, Text(cell(value)))
    return grid


def outdated_fact(tables: Sequence[str]) -> tuple[str, str]:
    """Return the line of facts about tables that are out of date, with the cure."""
    cure = f"{', '.join(tables)}: see `sagaline rebuild --outdated`"
    return "tables out of date", cure if tables else "none"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID | Decimal | date):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{value!r} has no form in JSON")
