"""A saga on a schedule starts by itself, once for each due time."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest

from sagaline import ALL, ONCE, SKIP, Runner, System, schedule
from sagaline.storage.tables.dead_letters import all_letters
from sagaline.storage.tables.timers import delete_timers, move_timer
from tests.sagaline.nightly import (
    AT_TWO,
    Office,
    Report,
    berlin,
    nightly,
    office_on,
    system_on,
)
from tests.sagaline.small_system import Clock, env

NOON = berlin("2026-11-29T12:00")


def test_a_report_is_written_every_night(store_url: str) -> None:
    with office_on(store_url, NOON) as office:
        assert office.next_at == "2026-11-30T02:00+01:00"
        office.pass_until(berlin("2026-12-02T12:00"))
        assert office.reports == [f"2026-{day}T02:00+01:00" for day in ("11-30", "12-01", "12-02")]
        assert office.next_at == "2026-12-03T02:00+01:00"


def test_a_schedule_is_kept_over_a_restart(store_url: str) -> None:
    with office_on(store_url, NOON):
        pass
    with office_on(store_url, NOON + timedelta(hours=13)) as office:
        office.pass_until(berlin("2026-11-30T12:00"))
        assert office.reports == ["2026-11-30T02:00+01:00"]


@pytest.mark.parametrize(
    ("missed", "written"),
    [
        (SKIP, []),
        (ONCE, ["2026-12-02T02:00+01:00"]),
        (ALL, [f"2026-{day}T02:00+01:00" for day in ("11-30", "12-01", "12-02")]),
    ],
)
def test_times_that_were_missed_are_skipped_or_made_up_for(
    store_url: str, missed: object, written: list[str]
) -> None:
    of = system_on(schedule("0 2 * * *", zone="Europe/Berlin", missed=missed))  # type: ignore[arg-type]
    with office_on(store_url, NOON, of):
        pass
    with office_on(store_url, berlin("2026-12-02T12:00"), of) as office:
        office.runner.settle()
        assert sorted(office.reports) == written
        assert office.next_at == "2026-12-03T02:00+01:00"
        office.pass_until(berlin("2026-12-03T12:00"))
        assert len(office.reports) == len(written) + 1


def test_a_time_that_is_late_by_less_than_a_minute_is_not_missed(store_url: str) -> None:
    of = system_on(schedule("0 2 * * *", zone="Europe/Berlin", missed=SKIP))
    with office_on(store_url, NOON, of):
        pass
    with office_on(store_url, berlin("2026-11-30T02:00:50"), of) as office:
        office.runner.settle()
        assert office.reports == ["2026-11-30T02:00+01:00"]


def test_at_most_a_hundred_missed_times_are_made_up_for(store_url: str) -> None:
    of = system_on(schedule("* * * * *", zone="Europe/Berlin", missed=ALL))
    with office_on(store_url, NOON, of):
        pass
    with office_on(store_url, NOON + timedelta(days=30), of) as office:
        office.runner.settle()
        assert len(office.reports) == 100
        assert max(office.reports) == "2026-12-29T12:00+01:00"
        assert min(office.reports) == "2026-12-29T10:21+01:00"


def test_a_schedule_does_not_keep_a_system_from_being_settled(store_url: str) -> None:
    with office_on(store_url, NOON, system_on(schedule("* * * * *"))) as office:
        office.runner.settle(timeout=5)
        office.runner.settle(timeout=5, horizon=3_600)
        office.clock.turn(timedelta(minutes=1))
        assert not office.runner.settled(horizon=0)
        office.runner.settle()
        assert len(office.reports) == 1


def test_a_changed_expression_is_due_from_the_next_start_of_a_runner(store_url: str) -> None:
    with office_on(store_url, NOON):
        pass
    at_three = system_on(schedule("0 3 * * *", zone="Europe/Berlin"))
    with office_on(store_url, NOON, at_three) as office:
        assert office.next_at == "2026-11-30T03:00+01:00"
    in_utc = system_on(schedule("0 3 * * *"))
    with office_on(store_url, berlin("2026-12-05T12:00"), in_utc) as office:
        assert office.next_at == "2026-12-06T04:00+01:00"
        assert office.reports == []


def test_a_schedule_beside_a_store_with_history_is_due_from_now(store_url: str) -> None:
    with Runner(System("office", applications=[Office]), env(store_url)):
        pass
    with office_on(store_url, NOON) as office:
        office.runner.settle()
        assert office.reports == []
        assert office.next_at == "2026-11-30T02:00+01:00"


@pytest.mark.parametrize("removed", [[], ["NightlyReport"]])
def test_a_saga_that_is_gone_leaves_no_timer(store_url: str, removed: list[str]) -> None:
    with office_on(store_url, NOON):
        pass
    rest = System("office", applications=[Office], removed=removed)
    with office_on(store_url, berlin("2026-12-05T12:00"), rest) as office:
        office.runner.settle(timeout=5)
        assert office.timers == []


def test_a_saga_that_has_no_schedule_any_more_leaves_no_timer(store_url: str) -> None:
    with office_on(store_url, NOON):
        pass

    by_event = nightly(Report.Wanted, key=lambda event: event.night)
    rest = System("office", applications=[Office], sagas=[by_event])
    with office_on(store_url, berlin("2026-12-05T12:00"), rest) as office:
        office.runner.settle(timeout=5)
        assert office.timers == []


def test_a_key_of_the_due_time_is_the_key_of_the_instance(store_url: str) -> None:
    of = system_on(AT_TWO, key=lambda due: due.at.date().isoformat())
    with office_on(store_url, NOON, of) as office:
        office.pass_until(berlin("2026-12-01T12:00"))
        rows = office.runner.apps["NightlyReport"].recorder.page(0, 100).rows
        assert list(dict.fromkeys(row.key for row in rows)) == ["2026-11-30", "2026-12-01"]


def test_one_key_for_all_nights_is_run_again(store_url: str) -> None:
    of = system_on(AT_TWO, key=lambda due: "report", again=True)
    with office_on(store_url, NOON, of) as office:
        office.pass_until(berlin("2026-12-02T12:00"))
        assert len(office.reports) == 3


def test_an_operator_moves_a_due_time(store_url: str) -> None:
    of = system_on(schedule("0 2 * * *", zone="Europe/Berlin", missed=SKIP))
    with office_on(store_url, NOON, of) as office:
        moved = berlin("2026-11-30T09:00")
        with office.runner.views.write() as connection:
            move_timer(connection, "NightlyReport", "schedule", moved)
        office.pass_until(berlin("2026-11-30T08:00"))
        assert office.reports == []
        office.pass_until(berlin("2026-11-30T12:00"))
        assert office.reports == ["2026-11-30T02:00+01:00"]
        assert office.next_at == "2026-12-01T02:00+01:00"


def test_a_schedule_that_an_operator_cancels_begins_with_the_next_runner(store_url: str) -> None:
    with office_on(store_url, NOON) as office:
        with office.runner.views.write() as connection:
            delete_timers(connection, "NightlyReport", ["schedule"])
        office.pass_until(berlin("2026-12-01T12:00"))
        assert office.reports == []
    with office_on(store_url, berlin("2026-12-01T12:00")) as office:
        assert office.next_at == "2026-12-02T02:00+01:00"


def test_a_start_that_fails_does_not_stop_the_schedule(store_url: str) -> None:
    def wrong(due: object) -> str:
        raise LookupError("no such key")

    clock = Clock()
    clock.moment = NOON
    with Runner(system_on(AT_TWO, key=wrong), env(store_url), now=clock) as runner:
        for _ in range(2):
            clock.turn(timedelta(days=1))
            runner.settle()
        with runner.views.read() as connection:
            found = [each.leader for each in all_letters(connection)]
        assert found == [
            "timer:schedule:2026-11-30T02:00:00+01:00",
            "timer:schedule:2026-12-01T02:00:00+01:00",
        ]


def test_two_runners_start_one_instance_for_each_due_time(store_url: str) -> None:
    clock = Clock()
    clock.moment = NOON
    barrier = Barrier(2)
    every = system_on(schedule("* * * * *", missed=ALL))

    def run() -> None:
        with Runner(every, env(store_url), now=clock) as runner:
            barrier.wait()
            for _ in range(20):
                clock.turn(timedelta(seconds=30))
                runner.settle()

    threads = [Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    with office_on(store_url, clock.moment, every) as office:
        office.runner.settle()
        assert len(office.reports) == len(set(office.reports)) == 20
