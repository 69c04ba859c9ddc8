"""`sagaline sagas query`, and what `sagas show` says of a saga that waits for people."""

from datetime import UTC, datetime, timedelta

import pytest

from sagaline import Runner
from tests.cli.command_line import CommandLine
from tests.sagas.approval import Claim, Expenses, approval

NOON = datetime(2031, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def office(run: CommandLine, store_url: str) -> CommandLine:
    """A claim of which Bob was reminded once."""
    moments = [NOON]
    with Runner(approval, {"SQLALCHEMY_URL": store_url}, now=lambda: moments[-1]) as runner:
        runner.get(Expenses).execute_one(Claim(claim="trip", due=NOON))
        runner.settle(horizon=0)
        moments.append(NOON + timedelta(hours=13))
        runner.settle(horizon=0)
    return run.given(SAGALINE_APP="tests.sagas.approval:approval", SAGALINE_STORE=store_url)


def test_a_query_prints_what_the_saga_tells(office: CommandLine) -> None:
    told = office.sagaline("sagas", "query", "trip", "progress", "--json")
    assert (told.status, told.json) == (0, {"state": "waiting", "decided_by": None})
    assert "waiting" in office.sagaline("sagas", "query", "trip", "progress").output


def test_an_unknown_query_names_those_that_there_are(office: CommandLine) -> None:
    said = office.sagaline("sagas", "query", "trip", "mood")
    assert (said.status, said.output) == (2, "")
    assert "Approval has no query mood: it has progress, number, double_fee." in said.errors
    unknown = office.sagaline("sagas", "query", "nowhere", "progress")
    assert (unknown.status, unknown.errors.count("\n")) == (2, 1)


def test_a_query_that_raises_gives_one_line(office: CommandLine) -> None:
    said = office.sagaline("sagas", "query", "trip", "double_fee")
    line = "Approval trip: the query double_fee raises ValueError: there is no fee."
    assert (said.status, line in said.errors, said.errors.count("\n")) == (2, True, 1)


def test_an_answer_that_does_not_fit_its_annotation_gives_one_line(office: CommandLine) -> None:
    said = office.sagaline("sagas", "query", "trip", "number")
    line = "Approval trip: the query number returns 'one', which does not fit its annotation."
    assert (said.status, line in said.errors, said.errors.count("\n")) == (2, True, 1)


def test_a_saga_is_shown_with_its_reminders(office: CommandLine) -> None:
    shown = office.sagaline("sagas", "show", "trip", "--json").json
    issued = {"step": "remind_bob#1", "status": "issued", "attempts": 1, "reason": ""}
    assert (shown["reminders"], shown["steps"][0]["status"]) == ([issued], "asked")
    (listed,) = office.sagaline("sagas", "list", "--json").json
    assert (listed["step"], listed["remaining"]) == ("approve", "approve, pay")
    text = office.sagaline("sagas", "show", "trip").output
    assert "the saga requests: reminder remind_bob#1 (SendMail)" in text
    assert "the saga waits for approve" in text
    assert "remind remind_bob#1" in office.sagaline("timeline", "trip").output
    timers = office.sagaline("timers", "list", "--json").json
    assert {each["command"] for each in timers} == {"StepTimedOut", "ReminderDue"}


def test_a_moved_deadline_ends_the_wait(office: CommandLine) -> None:
    office.sagaline("timers", "move", "trip:approve:timeout", "now")
    office.sagaline("run", "--until-settled", "--horizon", "0")
    shown = office.sagaline("sagas", "show", "trip", "--json").json
    assert (shown["state"], shown["reason"]) == ("compensated", "approve: no answer in time")
