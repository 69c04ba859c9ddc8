"""When a schedule is due, also where daylight saving skips an hour or repeats one."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sagaline import ALL, ONCE, SKIP, DefinitionError, schedule
from sagaline.saga.schedule import Schedule
from tests.sagaline.nightly import berlin

NO_TIME = timedelta(0)
SPRING = berlin("2026-03-29T00:00")
"""The night in which clocks go from 2:00 to 3:00 o'clock."""
AUTUMN = berlin("2026-10-25T00:00")
"""The night in which clocks go from 3:00 to 2:00 o'clock."""


def due(expression: str, after: datetime, count: int) -> list[str]:
    """The next due times in Berlin."""
    in_berlin = schedule(expression, zone="Europe/Berlin")
    return [each.isoformat(timespec="minutes") for each in _due(in_berlin, after, count)]


def _due(schedule: Schedule, after: datetime, count: int) -> Iterator[datetime]:
    for _ in range(count):
        yield (after := schedule.next(after))


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("30 2 * * *", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("*/20 2 * * *", ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        ("0 2,3 * * *", ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]),
        ("30 1-2 * * *", ["2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00"]),
    ],
)
def test_a_time_that_is_skipped_is_due_once_at_the_next_moment(
    expression: str, times: list[str]
) -> None:
    assert due(expression, SPRING, 2) == times


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("30 2 * * *", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        (
            "*/30 2 * * *",
            ["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-26T02:00+01:00"],
        ),
        ("0 2,3 * * *", ["2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"]),
    ],
)
def test_a_time_that_is_repeated_is_due_once(expression: str, times: list[str]) -> None:
    assert due(expression, AUTUMN, len(times)) == times


def test_what_is_due_every_hour_is_due_in_each_hour_that_passes() -> None:
    assert due("30 * * * *", berlin("2026-10-25T01:45"), 3) == [
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:30+01:00",
    ]
    assert due("30 * * * *", berlin("2026-03-29T01:00"), 2) == [
        "2026-03-29T01:30+01:00",
        "2026-03-29T03:30+02:00",
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"])
@pytest.mark.parametrize("expression", ["30 2 * * *", "*/15 * * * *", "5 */2 * * *"])
@pytest.mark.parametrize("start", ["2026-03-06", "2026-03-27", "2026-10-01", "2026-10-23"])
def test_due_times_are_the_same_forwards_and_backwards_and_only_later(
    expression: str, zone: str, start: str
) -> None:
    local = schedule(expression, zone=zone, missed=ALL)
    for hours in range(0, 10 * 24, 5):
        moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
        moment += timedelta(hours=hours, minutes=hours % 60)
        after = local.next(moment)
        assert after > moment
        until = after + timedelta(hours=7)
        forwards = [after]
        while (each := local.next(forwards[-1])) <= until:
            forwards.append(each)
        assert local.starts(after, until, NO_TIME) == forwards


def test_what_was_missed_in_a_night_of_twenty_five_hours_is_made_up_for_once() -> None:
    at, now = berlin("2026-10-25T02:30"), berlin("2026-10-25T12:00")
    every_night = schedule("30 2 * * *", zone="Europe/Berlin", missed=ALL)
    assert every_night.starts(at, now, now - at) == [at]


def test_a_time_that_an_operator_has_moved_is_not_missed() -> None:
    at, now = berlin("2026-11-30T02:00"), berlin("2026-11-30T12:00")
    every_night = schedule("0 2 * * *", zone="Europe/Berlin", missed=SKIP)
    assert every_night.starts(at, now, NO_TIME) == [at]
    assert every_night.starts(at, now, timedelta(hours=10)) == []


@pytest.mark.parametrize(
    ("expression", "zone", "missed", "reason"),
    [
        ("0 2 * *", "UTC", ONCE, "it is no cron expression"),
        ("0 25 * * *", "UTC", ONCE, "it is no cron expression"),
        ("every night", "UTC", ONCE, "it is no cron expression"),
        ("", "UTC", ONCE, "it is no cron expression"),
        (None, "UTC", ONCE, "it is no cron expression"),
        (5, "UTC", ONCE, "it is no cron expression"),
        ("0 0 30 2 *", "UTC", ONCE, "it is no cron expression"),
        ("0 2 * * *", "Europe/Atlantis", ONCE, "there is no zone 'Europe/Atlantis'"),
        ("0 2 * * *", "../zone", ONCE, "there is no zone"),
        ("0 2 * * *", "", ONCE, "there is no zone"),
        ("0 2 * * *", None, ONCE, "there is no zone None"),
        ("0 2 * * *", ZoneInfo("UTC"), ONCE, "there is no zone"),
        ("0 2 * * *", "UTC", "once", "its missed is 'once'. Write SKIP, ONCE or ALL"),
        ("0 2 * * *", "UTC", None, "its missed is None. Write SKIP, ONCE or ALL"),
    ],
)
def test_a_wrong_schedule_is_refused_where_it_is_declared(
    expression: str, zone: str, missed: object, reason: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        schedule(expression, zone=zone, missed=missed)  # type: ignore[arg-type]
    assert reason in str(refused.value)


def test_a_schedule_without_its_library_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(DefinitionError, match=r"Install sagaline\[schedule\]"):
        schedule("0 2 * * *")
