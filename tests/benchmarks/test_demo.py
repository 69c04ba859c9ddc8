"""The demo, as people see it."""

import re
import subprocess
import sys

import pytest

from benchmarks.process import environment

LIMIT = 300.0


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What it says about a hundred baskets where no line has to be broken."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.demo", "100"],
        cwd=tmp_path_factory.mktemp("demo"),
        env={**environment(), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    assert found is not None, said
    return int(found[1].replace(",", ""))


def test_no_line_is_wider_than_a_terminal_of_80_columns(said: str) -> None:
    assert [line for line in said.splitlines() if len(line) > 80] == []


def test_what_it_announces_is_what_comes_of_it(said: str) -> None:
    ends = {
        reason: number(rf"cancelled: {reason} +│ +([\d,]+)", said)
        for reason in ("card declined", "insufficient funds", "undeliverable address")
    }
    declined = number(r"([\d,]+) cards? will be declined", said)
    assert declined == ends["card declined"] + ends["insufficient funds"]
    undeliverable = number(r"([\d,]+) cannot be delivered", said)
    assert undeliverable == ends["undeliverable address"]


def test_the_rebuilt_tables_are_the_same(said: str) -> None:
    tables = re.findall(r"^  (\w+) +([\d,]+) (rows?)  +(.*)$", said, re.MULTILINE)
    assert len(tables) == 7
    assert {verdict for *_, verdict in tables} == {"the same"}
    assert {rows for _, count, rows, _ in tables if count == "1"} <= {"row"}
    assert {rows for _, count, rows, _ in tables if count != "1"} == {"rows"}
