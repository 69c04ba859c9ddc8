"""Damaged rows: each command names what it cannot read, or goes on without it; none breaks."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import CommandLine
from tests.cli.looks import LOOKS

DAMAGE = (
    "text where none belongs",
    b"\x00\xff\x10",
    -1,
    10**18,
    1e300,
    None,
    "[]",
    "{}",
    '{"a": ',
    "",
    "[" * 2_000,
)
STORES = 30
"""Damaged stores that are tried: another choice of columns and values for each seed."""


def columns(path: Path) -> list[tuple[str, str]]:
    """The columns of all tables with rows, but for the read tables of the shop itself."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        ]
        return [
            (name, row[1])
            for name in names
            for row in connection.execute(f'PRAGMA table_info("{name}")')
        ]


def damage(path: Path, table: str, column: str, value: Any) -> bool:
    """Puts a value into the newest row; says whether the database took it."""
    newest = f'SELECT max(rowid) FROM "{table}"'
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            connection.execute(
                f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ({newest})', [value]
            )
        except sqlite3.Error:
            return False
    return True


def file_of(run: CommandLine) -> Path:
    assert run.store is not None
    return Path(run.store.removeprefix("sqlite:///"))


def copied(settled: CommandLine, path: Path) -> CommandLine:
    """A copy of a settled shop."""
    with closing(sqlite3.connect(file_of(settled))) as whole, closing(sqlite3.connect(path)) as to:
        whole.backup(to)
    return settled.on(f"sqlite:///{path}")


@pytest.fixture
def shop_to_damage(settled: CommandLine, tmp_path: Path) -> CommandLine:
    """A settled shop that a test may damage."""
    return copied(settled, tmp_path / "damaged.db")


def damaged_stores(settled: CommandLine, folder: Path) -> Iterator[tuple[CommandLine, str]]:
    """Copies of a settled shop, each with one damaged value."""
    known = columns(file_of(settled))
    choose = random.Random(7)
    for number in range(STORES):
        (table, column), value = choose.choice(known), choose.choice(DAMAGE)
        path = folder / f"damaged{number}.db"
        run = copied(settled, path)
        if damage(path, table, column, value):
            yield run, f"{table}.{column} = {value!r}"[:90]
        path.unlink()


def test_no_look_of_an_operator_breaks_on_a_damaged_row(
    settled: CommandLine, tmp_path: Path
) -> None:
    for run, what in damaged_stores(settled, tmp_path):
        for look in LOOKS:
            said = run.sagaline(*look)
            assert said.status in (0, 1, 2), (what, look)
            if said.status == 2:
                assert said.errors.count("\n") == 1, (what, look, said.errors)


def test_an_event_that_cannot_be_read_is_named_and_the_others_are_printed(
    shop_to_damage: CommandLine,
) -> None:
    count = len(shop_to_damage.sagaline("events", "--json").json_lines)
    assert damage(file_of(shop_to_damage), "orders_events", "state", b"no JSON")
    said = shop_to_damage.sagaline("events", "--json")
    assert said.status == 1
    (bad,) = [each for each in said.json_lines if "error" in each]
    assert len(said.json_lines) == count
    assert "unreadable" in bad["error"]


def test_a_damaged_row_of_a_runner_ends_no_start(shop_to_damage: CommandLine) -> None:
    path = file_of(shop_to_damage)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO runners VALUES ('nobody', 'no JSON', 9e18)")
        connection.execute("INSERT INTO runners VALUES ('a:b:c', '[1]', 9e18)")
    assert shop_to_damage.sagaline("run", "--until-settled").status == 1  # a saga is parked
    assert shop_to_damage.sagaline("status").status == 1
