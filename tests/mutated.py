"""Inputs that went wrong: order lines, arguments, URLs, rows and files, each changed by chance.

The same seed gives the same inputs on every machine.
"""

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

SECRET: Final = "S3cret"
"""The password in each URL, which no message may show."""

VALUES: Final = (
    *(
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "NaN",
        "9" * 400,
        '""',
        '" "',
        "[]",
        "{}",
        "[[]]",
        '"\\u0000"',
    ),
    *(
        '"\\ud800"',
        '"ZZ"',
        '"9.999"',
        '"-0.01"',
        '"1e3"',
        "1.5",
        '"' + "x" * 5_000 + '"',
        "[" * 500,
    ),
)
"""What stands in place of a value of JSON."""

LETTERS: Final = '{}[]",:\\ \t0123456789.-+eEaZ_/?#@%=&;$`\x00\x07\x1b\x7fäß€𝄞\u202e\ufeff'

TOKENS: Final = (
    *(
        "status",
        "events",
        "timeline",
        "sagas",
        "list",
        "show",
        "retry",
        "skip",
        "cancel",
        "abandon",
    ),
    *("timers", "move", "dead-letters", "discard", "check", "diagram", "settings", "history"),
    *("--json", "--after", "--type", "--application", "--state", "--reason", "--app", "--help"),
    *("place", "stock", "orders", "order", "sales", "stock-levels", "gateway", "allow-refunds"),
    *("--limit", "--offset", "--wait", "--status", "--customer", "--from", "--to", "-", "--", "-x"),
    *("", " ", "orders:1", "orders:x", "a:b", ":", "os:path", "json:dumps", "2026-01-01", "-1"),
    *("99999999999999999999", "NaN", "'; DROP TABLE store; --", "[/x]", "[red]", "../..", "/"),
    *("\x1b[31m", "ä€𝄞", "x" * 3_000, "%s{}", "00000000-0000-4000-8000-000000000001", "Orders"),
)
"""Words of the command lines, and what a slip of the hand puts beside them."""

CELLS: Final = (
    *(None, -1, 0, 10**18, 1e300, float("inf"), "", "text", "[]", "{}", '{"a": ', "null", "é€"),
    *(
        b"",
        b"\x00\xff\x10",
        b"\xc3\x28",
        b"\x01" * 15,
        b"\x01" * 17,
        "x" * 9_000,
        "[" * 2_000,
        b"[" * 90_000,
    ),
)
"""What stands in a cell of a row."""


class Mutations:
    """Makes the inputs, from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, choices: Sequence[T]) -> T:
        """One of these."""
        return self._random.choice(choices)

    def line(self, text: str) -> bytes:
        """A line that is changed in one to three places, which may not be UTF-8 any more."""
        for _ in range(self._random.randint(1, 3)):
            text = self.of((self._char, self._cut, self._repeat, self._value))(text)
        line = text.encode("utf-8", "surrogatepass")
        if self._random.random() < 0.05:
            at = self._random.randrange(len(line) + 1)
            line = line[:at] + self.of((b"\xff", b"\xc3", b"\xed\xa0\x80")) + line[at:]
        return line

    def text(self, text: str) -> str:
        """A text that is changed in one to three places."""
        for _ in range(self._random.randint(1, 3)):
            text = self.of((self._char, self._cut, self._repeat))(text)
        return text

    def words(self) -> list[str]:
        """The arguments of a command line."""
        return [self.of(TOKENS) for _ in range(self._random.randint(1, 5))]

    def damage_row(self, path: Path) -> str:
        """Puts another value into one cell of a SQLite file; says where."""
        with closing(sqlite3.connect(path, isolation_level=None)) as store:
            named = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            table = self.of([name for (name,) in store.execute(named)])
            column = self.of([row[1] for row in store.execute(f'PRAGMA table_info("{table}")')])
            cell, rows = self.of(CELLS), store.execute(f'SELECT rowid FROM "{table}"').fetchall()
            try:
                if rows:
                    change = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'
                    store.execute(change, (cell, *self.of(rows)))
            except sqlite3.Error:
                pass  # a key that is there already, or a column that cannot be empty
        return f"{table}.{column} = {cell!r}"[:90]

    def damage_file(self, path: Path) -> str:
        """Flips bits of a file, fills a page with zeros, or cuts its end off; says which."""
        data = bytearray(path.read_bytes())
        kind = self.of(("flip", "header", "zero", "cut"))
        if kind == "cut":
            del data[self._random.randrange(len(data)) :]
        elif kind == "zero":
            at = self._random.randrange(len(data) // 4096) * 4096
            data[at : at + 4096] = bytes(4096)
        else:
            for _ in range(self._random.randint(1, 40)):
                at = self._random.randrange(100 if kind == "header" else len(data))
                data[at] ^= 1 << self._random.randrange(8)
        path.write_bytes(data)
        return kind

    def _char(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return text[:at] + self.of(LETTERS) + text[at + self._random.randint(0, 1) :]

    def _cut(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return text[:at] + text[at + self._random.randint(1, 8) :]

    def _repeat(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return text[:at] + text[at : at + self._random.randint(1, 30)] + text[at:]

    def _value(self, text: str) -> str:
        parts = text.split(": ")
        at = self._random.randrange(len(parts))
        end = parts[at].find(", ")
        parts[at] = self.of(VALUES) + (parts[at][end:] if end >= 0 else "}")
        return ": ".join(parts)
