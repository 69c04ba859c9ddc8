"""The page that holds both kinds of saga side by side shows what the code draws and counts."""

import re

import pytest

from application.system import system as orchestrated
from benchmarks.kinds import KINDS, Alone, alone, row
from sagaline import System
from sagaline.system.system_diagram import system_diagram
from sagas.choreography import system as choreographed
from tests.test_docs import HOUSE

PAGE = (HOUSE / "docs" / "two-kinds-of-saga.md").read_text("utf-8")


def without_read_tables(system: System) -> str:
    """The lines of the system's diagram that are about who tells whom."""
    tables = tuple(f"    {each.table.name}[" for each in system.read_models)
    lines = system_diagram(system).splitlines()
    return "\n".join(each for each in lines if "-.->" not in each and not each.startswith(tables))


def test_the_diagrams_are_those_that_are_drawn() -> None:
    shown = re.findall(r"^```mermaid\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
    assert shown == [without_read_tables(orchestrated), without_read_tables(choreographed)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "country"), [("completed", "US"), ("compensated", "ZZ")])
def test_what_one_order_costs_is_as_it_is_counted(name: str, country: str) -> None:
    found = [alone(each, country) for each in KINDS.values()]
    for fact in Alone._fields:
        counted = row(f"{fact}, one order that is {name}", [getattr(each, fact) for each in found])
        assert counted in PAGE.splitlines()
