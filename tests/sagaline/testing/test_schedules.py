"""The test kit plays a saga on a schedule."""

from datetime import datetime

import pytest

from sagaline import ScheduledStart, State
from sagaline.errors import WrongCall
from sagaline.system.saga_diagram import saga_diagram
from sagaline.system.saga_list import SagaList
from sagaline.testing import Scenario, fault_matrix, given, happened
from tests.sagaline.nightly import AT_TWO, Report, WriteReport, berlin, nightly, system

NIGHT = "2026-11-30T02:00+01:00"
AT = berlin("2026-11-30T02:00")
NightlyReport = nightly(AT_TWO)


def test_a_due_time_starts_the_saga_and_is_its_key() -> None:
    started = given(NightlyReport).when(ScheduledStart(at=AT))
    started.then(WriteReport(report=NIGHT, night=NIGHT))
    started.when(Report.Written).then_ends(State.COMPLETED)


def test_a_due_time_may_be_given_by_what_matters_of_it() -> None:
    started = given(NightlyReport, happened(ScheduledStart, at=AT))
    started.then(WriteReport(report=NIGHT, night=NIGHT))
    given(NightlyReport).when(ScheduledStart, at=AT).then(WriteReport(report=NIGHT, night=NIGHT))


def test_a_due_time_without_a_zone_is_refused() -> None:
    with pytest.raises(WrongCall, match="Give a time with a zone"):
        ScheduledStart(at=datetime(2026, 11, 30, 2))  # noqa: DTZ001


@pytest.mark.parametrize("subject", [system, NightlyReport])
def test_the_clock_of_a_scenario_starts_it(subject: object) -> None:
    with Scenario(subject) as scenario:  # type: ignore[arg-type]
        scenario.then_no_timers()
        scenario.pass_time(days=1).then_ends(State.COMPLETED)
        scenario.then_asked(WriteReport)
        scenario.pass_time(days=2).then_no_timers()
        assert len({each["key"] for each in scenario.rows(SagaList)}) == 3


def test_a_scenario_of_one_saga_starts_it_when_the_test_says() -> None:
    with Scenario(NightlyReport) as scenario:
        scenario.when_asked_for("write_report").is_silent()
        scenario.happens(ScheduledStart, at=AT).then_waits("write_report")


@pytest.mark.parametrize("start", [None, happened(ScheduledStart, at=AT)])
def test_the_fault_matrix_plays_it(start: object) -> None:
    assert fault_matrix(NightlyReport, start=start).cases


def test_the_diagram_says_when_it_starts() -> None:
    assert "0 2 * * * Europe/Berlin" in saga_diagram(NightlyReport)
