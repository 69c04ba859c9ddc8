"""Tables of what is refused: blocks of a name, what a user writes, and the line that they read.

# a handler of no command
class Orders(Application):
    @handles("PayOrder")
    def pay(self, command): ...
> @handles: 'PayOrder' is not a class of commands. Write @handles(PlaceOrder).
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent


class Refusal(NamedTuple):
    """One wrong thing to write, and what its user is told."""

    name: str
    written: str
    line: str


def refusals(table: str) -> list[Refusal]:
    """The refusals of one table, in the order of the file."""
    text = (HERE / f"{table}.txt").read_text("utf-8")
    return [_refusal(each) for each in text.strip().split("\n\n")]


def each_of(*tables: str) -> list[Any]:
    """All refusals of these tables, as the parameters of a test."""
    found = [(table, each) for table in tables for each in refusals(table)]
    return [pytest.param(each, id=f"{table}: {each.name}") for table, each in found]


def _refusal(block: str) -> Refusal:
    name, *written, line = block.splitlines()
    assert (name[:2], line[:2]) == ("# ", "> "), block
    return Refusal(name[2:], "\n".join(written), line[2:])
