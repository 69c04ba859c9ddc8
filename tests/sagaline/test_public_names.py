"""What users import: `from sagaline import ...`, and the kit for tests."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest

import sagaline
from sagaline import testing

HOUSE = Path(__file__).parents[2]
SHOP = ("domain", "application", "sagas", "projections", "benchmarks")
DOORS = ("sagaline", "sagaline.testing")


def test_the_public_names_are_these() -> None:
    assert set(sagaline.__all__) == {
        # declarations
        "Application", "Command", "CommandFaulted", "Journal", "Message", "ReadModel", "Row",
        "Saga", "State", "System", "Timing", "handles", "hears", "locks", "on_compensated",
        "on_completed", "project", "reacts_to", "step",
        "COMPENSATABLE", "Kind", "NO_EFFECT", "PIVOT", "RETRIABLE",
        "CancelTimer", "Retry", "SetTimer", "hours", "minutes", "seconds",
        # the columns of read tables, and ids
        "Amount", "Moment", "Uuid", "new_id", "Breaker", "PortLimits", "from_others",
        # steps that are requested for each of several
        "ALL", "ANY", "at_least", "first", "step_for_each",
        # schedules
        "ONCE", "SKIP", "ScheduledStart", "schedule",
        # people, and what comes from outside
        "query", "wait_for", "version",
        # running, and looking
        "Admin", "BulkResult", "Selection",
        "Entry", "Options", "Rebuilt", "Receipt", "Runner", "rebuild", "roll_back", "timeline",
        "rebuild_worker",
        # what goes wrong
        "CommandConflict", "CommitUnknown", "DefinitionError", "NothingToRollBack", "RebuildBusy",
        "RebuildFailed", "RebuildUnderWay", "RowMissing", "SagalineError", "StoreUnusable",
        "UnfitValue",
    }  # fmt: skip
    assert set(testing.__all__) == {
        "LONG_AGO", "SOMEONE", "Answering", "Effects", "GivenAggregate", "GivenReadModel",
        "GivenSaga", "Happened", "Matrix", "Operator", "Recorded", "Scenario",
        "SimulatedParticipant", "fault_matrix", "given", "happened", "recorded",
    }  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_every_public_name_is_there_once_and_says_what_it_is(door: str) -> None:
    module = import_module(door)
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        found = getattr(module, name)
        assert getdoc(found), name
        # A function may be called like its module: what is imported is the function.
        assert type(found).__name__ != "module", name


def imports(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "sagaline":
            yield from ((str(node.module), each.name) for each in node.names)


def test_the_shop_takes_public_names_from_the_front_door() -> None:
    public = {name: door for door in DOORS for name in import_module(door).__all__}
    files = [path for room in SHOP for path in (HOUSE / room).rglob("*.py")]
    past = [
        f"{path.relative_to(HOUSE)}: {module}.{name}"
        for path in files
        for module, name in imports(path.read_text("utf-8"))
        if public.get(name, module) != module
    ]
    assert past == []


def test_the_pages_need_public_names_alone() -> None:
    pages = [HOUSE / "README.md", *(HOUSE / "docs").glob("*.md")]
    snippets = [
        text
        for page in pages
        for text in re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.S | re.M)
    ]
    used = {each for text in snippets for each in imports(text)}
    assert used
    assert {module for module, _ in used} <= set(DOORS)
