"""Stores that version 0.1.0 wrote are opened, read, led on and rebuilt by the code that is loaded.

How they were written, and what they rest on: README.md.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.engine import create_engine

from application.orders import Orders
from sagaline import rebuild, roll_back
from sagaline.errors import CommandConflict
from tests.cli.command_line import CommandLine, Said, clean_environment
from tests.old_stores.kept import HERE, STORIES, Story, found, restore_postgres, restore_sqlite
from tests.old_stores.orders import order
from tests.old_stores.stage import Clock, Stage

TOPICS = {
    "sagaline.faults:CommandFaulted",
    "sagaline.reactions:Repeat",
    "sagaline.timers:LocksFreed",
    "sagaline.timers:StepDue",
    "sagaline.timers:StepTimedOut",
    *(
        f"sagaline.journal:Journal.{each}"
        for each in (
            "Awaited", "Begun", "Ended", "Ignored", "Intervened", "Locking", "Noted",
            "Parked", "Refused", "Resumed", "Skipped", "Started",
        )
    ),
}  # fmt: skip
"""How the framework's own events and timers are named in a store of version 0.1.0."""


@dataclass
class Old:
    """A copy of an old store, and what is known of it."""

    story: Story
    stage: Stage
    known: dict[str, Any]
    folder: Path

    def sagaline(self, *arguments: str) -> Said:
        run = CommandLine(self.folder, clean_environment(), self.stage.url)
        return run.sagaline("--app", self.story.APP, *arguments)

    def differences(self) -> dict[str, set[str]]:
        """The rows that a verification of the read tables finds to be wrong."""
        verified = rebuild(self.stage.system, self.stage.env, verify=True)
        return {each.view: set(each.differences) for each in verified if each.differences}

    def open_sagas(self) -> set[str]:
        """The ids of the sagas that have not ended, of which 0.1.0 said otherwise what remains."""
        query = "SELECT saga_id FROM saga_list WHERE ended_at IS NULL"
        if "saga_list" not in self.story.TABLES:
            return set()
        return {row[0] for row in self.stage.query({"open": query})["open"]}

    def stands(self) -> dict[str, list[list[str]]]:
        """How the store stands, but for what remains of sagas."""
        return but_for_remaining(found(self.stage, self.story))

    def sagas(self) -> dict[str, str]:
        """The state of each saga by its key."""
        return {row[1]: row[2] for row in found(self.stage, self.story).get("saga_list", [])}


def but_for_remaining(content: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
    """The content of a store without the column of which version 0.1.0 had another rule."""
    listed = content.get("saga_list", [])
    return {**content, "saga_list": [[*row[:4], *row[5:]] for row in listed]}


@pytest.fixture(params=STORIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, name: str, tmp_path: Path) -> Old:
    if request.param == "sqlite":
        url = restore_sqlite(name, tmp_path)
    else:
        url = request.getfixturevalue("postgres_store")
        restore_postgres(name, url)
    known = json.loads((HERE / f"{name}.json").read_text("utf-8"))
    story, clock = STORIES[name], Clock(datetime.fromisoformat(known["now"]))
    return Old(story, Stage(story.SYSTEM, url, clock), known, tmp_path)


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Old stores are no reason to warn anybody."""
    yield
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    # What a port or a saga meets in a story is logged as it would be in any store.
    said = [each for each in records if each.name != "sagaline.application"]
    warned = [each.getMessage() for each in said if each.levelno >= logging.WARNING]
    expected = ("saga_list differs from the logs", "held up by the dead letter")
    assert [each for each in warned if not any(text in each for text in expected)] == []


def topics(stage: Stage) -> set[str]:
    """The topics of all events and timers of a store."""
    engine = create_engine(stage.url)
    tables = inspect(engine).get_table_names()
    engine.dispose()
    named = [each for each in tables if each.endswith("_events") or each == "timers"]
    rows = stage.query({each: f"SELECT DISTINCT topic FROM {each}" for each in named})
    return {topic for each in rows.values() for (topic,) in each}


def test_the_stores_name_everything_of_the_framework_by_its_module(tmp_path: Path) -> None:
    urls = [restore_sqlite(each, tmp_path) for each in STORIES]
    stages = [Stage(STORIES["shop"].SYSTEM, each, Clock()) for each in urls]
    named = set().union(*map(topics, stages))
    assert {each for each in named if each.startswith("sagaline")} == TOPICS


def test_an_old_store_is_read_without_a_word(old: Old) -> None:
    assert found(old.stage, old.story) == old.known["before"]
    nothing_is_in_the_way(old)
    what_there_is_is_listed(old)
    history_is_told(old)


def nothing_is_in_the_way(old: Old) -> None:
    said = old.sagaline("check", "--json")
    assert said.json["unknown_events"] == {}
    assert said.json["tables_out_of_date"] == []
    assert [each for each in said.json["sagas"] if not each["can_go_on"]] == []
    assert (said.status, said.errors) == (0, "")


def what_there_is_is_listed(old: Old) -> None:
    before = old.known["before"]
    status = old.sagaline("status", "--json").json
    states = Counter(old.sagas().values())
    assert {state: states[state] for state in status["sagas"]} == status["sagas"]
    assert status["dead_letters"] == len(before["dead letters"])
    assert sum(len(each["waiting"]) + 1 for each in status["locks"]) == len(before["locks"])
    assert status["tables_out_of_date"] == []
    listed = old.sagaline("dead-letters", "list", "--json").json
    letters = [[each["follower"], each["key"], each["error"]] for each in listed]
    assert sorted(letters) == before["dead letters"]
    timers = old.sagaline("timers", "list", "--json").json
    assert len(timers) == sum(int(count) for *_, count in before["timers"])
    assert {each["topic"] for each in timers} == {topic for _, topic, _ in before["timers"]}


def history_is_told(old: Old) -> None:
    events = old.sagaline("events", "--json").json_lines
    counts = Counter(each["type"] for each in events)
    assert counts["SagaStarted"] + counts["SagaStartedLate"] >= len(old.sagas())
    one_each = {state: key for key, state in old.sagas().items()}
    for state, key in one_each.items():
        shown = old.sagaline("sagas", "show", key, "--json").json
        assert (shown["state"], shown["in_the_way"]) == (state, "")
    for key in one_each.values() or [events[-1]["key"]]:
        told = old.sagaline("timeline", key, "--json").json_lines
        assert len(told) == sum(each["key"] == key for each in events)


def test_everything_in_an_old_store_ends_as_it_would_have_ended(old: Old) -> None:
    assert old.differences().get("saga_list", set()) <= old.open_sagas()
    assert old.differences().keys() <= {"saga_list"}
    with old.stage.opened() as runner:
        old.story.finish(old.stage, runner)
        assert old.stands() == but_for_remaining(old.known["end"])
        key = old.story.begin_another(runner)
        old.stage.go_on(runner)
    assert old.sagas().get(key, "completed") == "completed"
    assert set(old.sagas().values()) <= {"completed", "compensated", "abandoned", "parked"}
    ended = old.stands()
    assert [each.view for each in rebuild(old.stage.system, old.stage.env)] == old.stage.views
    assert old.stands() == ended
    assert old.differences() == {}


@pytest.mark.parametrize("name", ["shop", "choreographed_shop"])
def test_a_command_that_an_old_store_knows_is_no_new_one(old: Old) -> None:
    with old.stage.opened("order_list") as runner:
        same, other = order("good"), order("good", "pm_flaky_2")
        receipt = runner.get(Orders).place(same)
        assert (receipt.position, receipt.duplicate) == ("orders:1", True)
        with pytest.raises(CommandConflict):
            runner.get(Orders).place(other)


def test_the_tables_from_before_the_last_rebuild_are_put_back_and_go_on(old: Old) -> None:
    assert roll_back(old.stage.system, old.stage.env) == old.stage.views
    old.stage.run(*old.stage.views)
    assert old.differences().keys() <= {"saga_list"}
    assert old.differences().get("saga_list", set()) <= old.open_sagas()
