"""`sagaline timers`, `run` and `check` for a saga on a schedule."""

import pytest

from tests.cli.command_line import CommandLine
from tests.sagaline.nightly import berlin, office_on

NOON = berlin("2026-11-29T12:00")


@pytest.fixture
def office(run: CommandLine, store_url: str) -> CommandLine:
    """An office that has written no report yet; the present time is later."""
    with office_on(store_url, berlin("2999-11-29T12:00")):
        pass
    return run.given(SAGALINE_APP="tests.sagaline.nightly:system", SAGALINE_STORE=store_url)


def timers(office: CommandLine) -> list[dict[str, object]]:
    found: list[dict[str, object]] = office.sagaline("timers", "list", "--json").json
    return found


def test_the_next_due_time_is_listed(office: CommandLine) -> None:
    (timer,) = timers(office)
    assert (timer["id"], timer["follower"]) == ("schedule", "NightlyReport")
    assert timer["command"] == "ScheduleDue"
    assert timer["due_at"] == "2999-11-30T01:00:00+00:00"


def test_a_run_until_settled_does_not_wait_for_it(office: CommandLine) -> None:
    assert office.sagaline("run", "--until-settled").status == 0
    assert office.sagaline("run", "--until-settled", "--horizon", "1e11").status == 0
    assert len(timers(office)) == 1


def test_a_due_time_that_is_moved_to_now_starts_the_saga(office: CommandLine) -> None:
    assert office.sagaline("timers", "move", "schedule", "now").status == 0
    assert office.sagaline("run", "--until-settled").status == 0
    (saga,) = office.sagaline("sagas", "list", "--json").json
    assert (saga["key"], saga["state"]) == ("2999-11-30T02:00+01:00", "completed")
    (timer,) = timers(office)
    assert timer["due_at"] == "2999-12-01T01:00:00+00:00"


def test_a_schedule_that_is_cancelled_begins_again_with_the_next_runner(
    office: CommandLine,
) -> None:
    assert office.sagaline("timers", "cancel", "schedule").status == 0
    assert timers(office) == []
    assert office.sagaline("run", "--until-settled").status == 0
    assert [each["id"] for each in timers(office)] == ["schedule"]


def test_check_finds_nothing_wrong(office: CommandLine) -> None:
    assert office.sagaline("check").status == 0
