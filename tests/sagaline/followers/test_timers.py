"""Timers fire once and in time, and never before an answer that is in a log."""

import re
from collections.abc import Callable, Iterable
from contextvars import Context
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from eventsourcing.persistence import OperationalError
from sqlalchemy import Connection, event, text
from typing_extensions import override

from sagaline.application.message_handling import handling_of
from sagaline.codec import command_class
from sagaline.errors import DefinitionError, UnknownTopic
from sagaline.followers.timers import timer_message, timer_of, timer_row
from sagaline.messaging.message import Trace
from sagaline.messaging.timers import SetTimer
from sagaline.runner.lag import FollowerLag
from sagaline.runner.run_loop import RunLoop
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.timers import (
    LAST_DUE_AT,
    TimerRow,
    first_dues,
    move_timer,
    pending_timers,
    set_timers,
)
from tests.sagaline.small_system import (
    PROCESSES,
    AskForReminder,
    Clock,
    GoodBank,
    Hands,
    Later,
    NeedNoReminder,
    Paid,
    Porter,
    Remind,
    Reminder,
    Till,
    events,
    fence,
    hands,
    joined,
    letters,
    named,
    recorder,
    statuses,
    timers,
    wish,
    wrong,
)
from tests.sagaline.storage.stores import outside

MINUTE = timedelta(minutes=1)


def ask(led: Hands, guest: str = "Ada", after: float = 60, words: str = "soon") -> None:
    porter = led.runner.get(Porter)
    porter.ask_for_one(AskForReminder(guest=guest, after=after, words=words))


def reminded(led: Hands) -> list[tuple[str, str]]:
    led.settle("Porter")
    return [(e.guest, e.words) for e in events(led.runner, Porter) if isinstance(e, Reminder.Given)]


def test_a_timer_fires_when_it_is_due_and_once(store_url: str) -> None:
    with hands(store_url) as led:
        ask(led)
        led.clock.turn(MINUTE - timedelta(seconds=1))
        assert not led.fire("Porter")
        led.clock.turn(timedelta(seconds=1))
        assert led.fire("Porter")
        assert not led.fire("Porter")
        assert reminded(led) == [("Ada", "soon")]
        assert timers(led.runner, "Porter") == []


@pytest.mark.parametrize(
    ("after", "due_at"),
    [
        (timedelta.max, LAST_DUE_AT),
        (timedelta(days=365 * 7_990), LAST_DUE_AT),
        (timedelta(0), Clock().moment.timestamp()),
        (timedelta(seconds=-1), Clock().moment.timestamp()),
        (timedelta.min, Clock().moment.timestamp()),
    ],
)
def test_a_timer_may_be_set_for_any_time(store_url: str, after: timedelta, due_at: float) -> None:
    with hands(store_url) as led:
        remind = SetTimer("Ada", after, Remind(guest="Ada", words="soon"))
        row = timer_row(remind, led.clock(), Trace(None, None, 0), "Porter")
        with led.runner.views.write() as connection:
            set_timers(connection, "Porter", [row])
            assert pending_timers(connection) == 1
        assert row.due_at == due_at
        assert led.fire("Porter") is (due_at != LAST_DUE_AT)


def test_a_day_of_a_timer_has_24_hours_in_every_zone() -> None:
    before_summer = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    timer = SetTimer("Ada", timedelta(days=1), Remind(guest="Ada", words="soon"))
    row = timer_row(timer, before_summer, Trace(None, None, 0), "Porter")
    assert row.due_at - before_summer.timestamp() == 24 * 3_600


@pytest.mark.parametrize("after", [5, None, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_timer_after_what_is_no_duration_is_refused(after: Any) -> None:
    with pytest.raises(DefinitionError, match=r"its after is .*Give a timedelta"):
        SetTimer("Ada", after, Remind(guest="Ada", words="soon"))


def test_due_timers_fire_in_order(store_url: str) -> None:
    with hands(store_url) as led:
        for guest, after in (("Bea", 40), ("Cy", 50), ("Ada", 30)):
            ask(led, guest, after)
        led.clock.turn(MINUTE)
        led.fire("Porter")
        assert [guest for guest, _ in reminded(led)] == ["Ada", "Bea", "Cy"]


def test_a_timer_that_is_set_again_replaces_the_first(store_url: str) -> None:
    with hands(store_url) as led:
        ask(led, after=60, words="soon")
        ask(led, after=120, words="later")
        led.clock.turn(MINUTE)
        assert not led.fire("Porter")
        led.clock.turn(MINUTE)
        assert led.fire("Porter")
        assert reminded(led) == [("Ada", "later")]


def test_a_timer_that_is_moved_fires_at_its_new_time_and_not_before(store_url: str) -> None:
    with hands(store_url) as led:
        ask(led, after=600)
        led.clock.turn(5 * MINUTE)
        moved = led.clock() + 10 * MINUTE
        with led.runner.views.write() as connection:
            raise_fence(connection, "Porter")
            move_timer(connection, "Porter", "Ada", moved)
        led.clock.turn(6 * MINUTE)
        assert not led.fire("Porter")
        (pending,) = timers(led.runner, "Porter")
        assert pending.due_at - led.clock().timestamp() == 240
        led.clock.turn(4 * MINUTE - timedelta(microseconds=1))
        assert not led.fire("Porter")
        led.clock.turn(timedelta(microseconds=1))
        assert led.fire("Porter")
        assert reminded(led) == [("Ada", "soon")]


def test_after_a_long_stop_due_timers_fire_in_order_and_once(store_url: str) -> None:
    clock = Clock()
    with hands(store_url, clock) as led:
        asked = [AskForReminder(guest=f"{n:04}", after=n + 1) for n in range(1_200)]
        led.runner.get(Porter).execute(asked)
    clock.turn(timedelta(days=400))
    with hands(store_url, clock) as led:
        assert led.fire("Porter")
        assert [guest for guest, _ in reminded(led)] == [f"{n:04}" for n in range(1_200)]
        assert timers(led.runner, "Porter") == []


# Timers that are not due cost nothing


Statement = tuple[str, Any]


def asked(led: Hands, act: Callable[[], object]) -> list[Statement]:
    """The statements that the database receives meanwhile."""
    found: list[Statement] = []

    def listen(connection: Connection, cursor: Any, sql: str, parameters: Any, *_: object) -> None:
        found.append((sql, parameters))

    event.listen(led.runner.views.engine, "before_cursor_execute", listen)
    try:
        act()
    finally:
        event.remove(led.runner.views.engine, "before_cursor_execute", listen)
    return found


def of_timers(statements: Iterable[Statement]) -> list[Statement]:
    """The statements about timers; leases are renewed at any time."""
    return [each for each in statements if "timers" in each[0]]


def plans(led: Hands, statements: Iterable[Statement]) -> list[str]:
    """The query plans of these statements."""
    with led.runner.views.read() as connection:
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        rows = [
            row
            for sql, parameters in statements
            for row in connection.exec_driver_sql(f"{explain} {sql}", parameters)
        ]
    return [str(row[-1]) for row in rows]


def work(led: Hands, statements: Iterable[Statement]) -> int:
    """Their cost: steps of SQLite's virtual machine, or rows that PostgreSQL reads."""
    with led.runner.views.read() as connection:
        if connection.dialect.name == "postgresql":
            told = [
                str(row[0])
                for sql, parameters in statements
                for row in connection.exec_driver_sql(f"EXPLAIN ANALYZE {sql}", parameters)
            ]
            seen = r"actual time=\S+ rows=([\d.]+) loops=(\d+)|Rows Removed by .*: (\d+)"
            found = [each for line in told for each in re.findall(seen, line)]
            return int(
                sum(float(rows or 0) * int(loops or 0) + int(r or 0) for rows, loops, r in found)
            )
        steps: list[None] = []
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(lambda: steps.append(None), 1)
        for sql, parameters in statements:
            connection.exec_driver_sql(sql, parameters).all()
        raw.set_progress_handler(None, 1)
        return len(steps)


@pytest.mark.slow
def test_a_turn_costs_the_same_however_many_timers_are_not_due(store_url: str) -> None:
    many = 100_000
    with hands(store_url) as led:
        loop = RunLoop(led.runner._opened, led.runner.options, led.clock, Event(), Event())

        def turn() -> None:
            assert not loop.run_once()
            assert led.runner.settled(horizon=3_600)

        while loop.run_once():
            pass
        before = of_timers(asked(led, turn))
        costs = work(led, before)
        rows = [TimerRow(f"{n}", 2e9 + n, "t", b"{}", None, None, 0) for n in range(many)]
        for start in range(0, many, 10_000):
            with led.runner.views.write() as connection:
                set_timers(connection, "Porter", rows[start : start + 10_000])
        if store_url.startswith("postgresql"):
            with outside(store_url) as connection:
                connection.execute(text("ANALYZE"))
        looks = of_timers(asked(led, turn))
        assert [sql for sql, _ in looks] == [sql for sql, _ in before]
        assert len(looks) == 2, "one to see what is due, one to see whether it is settled"
        told = plans(led, looks)
        assert sum("timers_due_idx" in line for line in told) == len(looks)
        assert not [line for line in told if re.search(r"Seq Scan on timers|SCAN timers", line)]
        # Only the next timer of the one follower with timers is read.
        assert work(led, looks) <= costs + 50
        loop.close()
        assert not led.runner.settled()
        with led.runner.views.read() as connection:
            assert first_dues(connection) == {"Porter": 2e9}
            assert pending_timers(connection) == many


def test_a_due_timer_is_found_among_many_that_are_not_due(store_url: str) -> None:
    with hands(store_url) as led:
        with led.runner.views.write() as connection:
            rows = [TimerRow(f"{n}", 2e9 + n, "t", b"{}", None, None, 0) for n in range(20_000)]
            set_timers(connection, "Porter", rows)
        if store_url.startswith("postgresql"):
            with outside(store_url) as connection:
                connection.execute(text("ANALYZE"))
        ask(led)
        led.clock.turn(MINUTE)
        looks = [
            each
            for each in asked(led, lambda: led.fire("Porter"))
            if re.match(r"SELECT timers", each[0])
        ]
        told = plans(led, looks)
        assert sum("timers_due_idx" in line for line in told) >= len(looks) > 0
        assert not [line for line in told if re.search(r"Seq Scan on timers|SCAN timers", line)]
        assert reminded(led) == [("Ada", "soon")]


def test_a_cancelled_timer_does_not_fire(store_url: str) -> None:
    with hands(store_url) as led:
        ask(led)
        led.runner.get(Porter).drop(NeedNoReminder(guest="Ada"))
        led.runner.get(Porter).drop(NeedNoReminder(guest="Bea"))
        led.clock.turn(MINUTE)
        assert not led.fire("Porter")
        assert timers(led.runner, "Porter") == []


def test_a_command_that_fails_sets_no_timer(store_url: str) -> None:
    with hands(store_url) as led, outside(store_url) as connection:
        connection.execute(text("ALTER TABLE commands RENAME TO lost"))
        with pytest.raises(Exception, match="commands"):
            ask(led)
        assert timers(led.runner, "Porter") == []


def test_a_timer_survives_a_restart(store_url: str) -> None:
    clock = Clock()
    with hands(store_url, clock) as led:
        ask(led)
    clock.turn(MINUTE)
    with hands(store_url, clock) as led:
        assert led.fire("Porter")
        assert reminded(led) == [("Ada", "soon")]


def test_one_of_two_runners_fires_a_timer(store_url: str) -> None:
    with hands(store_url) as first, hands(store_url, first.clock) as second:
        ask(first)
        for led in (first, second):
            led.followers["Porter"].reset()
            led.turn("Porter")
        first.clock.turn(MINUTE)
        porter = handling_of(second.runner.get(Porter))
        aggregates_for = porter.aggregates_for

        def overtaken(messages: Any) -> Any:
            Context().run(first.fire, "Porter")
            return aggregates_for(messages)

        porter.aggregates_for = overtaken  # type: ignore[method-assign]
        # It has read the timer, and is fenced off when it writes; then no timer is left.
        assert second.followers["Porter"].fire(first.clock().timestamp())
        assert not second.fire("Porter")
        assert reminded(second) == [("Ada", "soon")]


def test_a_timer_that_is_set_again_while_it_fires_is_not_lost(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url, led.clock) as other:
        ask(led, words="soon")
        led.followers["Porter"].reset()
        led.clock.turn(MINUTE)
        porter = handling_of(led.runner.get(Porter))
        aggregates_for = porter.aggregates_for

        def overtaken(messages: Any) -> Any:
            porter.aggregates_for = aggregates_for  # type: ignore[method-assign]
            Context().run(ask, other, after=60, words="later")
            return aggregates_for(messages)

        porter.aggregates_for = overtaken  # type: ignore[method-assign]
        assert led.followers["Porter"].fire(led.clock().timestamp())
        assert not led.fire("Porter")
        assert reminded(led) == []
        led.clock.turn(MINUTE)
        assert led.fire("Porter")
        assert reminded(led) == [("Ada", "later")]


def firing(url: str, ready: Any) -> None:
    """A runner without leases, an hour later."""
    clock = Clock()
    clock.turn(timedelta(hours=1))
    with hands(url, clock) as led:
        ready.wait()
        while timers(led.runner, "Porter"):
            try:
                led.fire("Porter")
            except OperationalError:
                continue


def test_two_processes_fire_each_timer_once(store_url: str) -> None:
    with hands(store_url) as led:
        guests = [f"guest {each}" for each in range(1_200)]
        asked = [AskForReminder(guest=each, after=60) for each in guests]
        led.runner.get(Porter).execute(asked)
        ready = PROCESSES.Barrier(2)
        joined(*[PROCESSES.Process(target=firing, args=(store_url, ready)) for _ in "ab"])
        assert sorted(guest for guest, _ in reminded(led)) == sorted(guests)
        assert letters(led.runner) == []


def test_a_system_is_not_settled_while_a_timer_fires(store_url: str) -> None:
    with hands(store_url) as led:
        waiting(led)
        led.clock.turn(10 * MINUTE)
        places = led.runner.lag

        def looking() -> list[FollowerLag]:
            found = places()
            led.followers["Evening"].fire(led.clock().timestamp())
            led.followers["Till"].fire(led.clock().timestamp())
            return found

        led.runner.lag = looking  # type: ignore[method-assign]
        # No follower lagged, and then no timer was left; but a command is still to be handled.
        assert not led.runner.settled()


# Timeouts of a saga


class LateBank(GoodBank):
    """Publishes each fee when it is asked again."""

    @override
    def answer(self, key: str) -> Paid | Later:
        return Later(timedelta(minutes=9)) if self.asked[key] == 1 else Paid("late")


def waiting(led: Hands) -> None:
    """A booking whose fee is known in nine minutes, and whose saga waits for ten."""
    led.runner.get(Till).bank = LateBank()
    led.open()
    led.want(wish())
    led.settle()


def test_an_answer_in_time_cancels_the_timeout(store_url: str) -> None:
    with hands(store_url) as led:
        waiting(led)
        assert len(timers(led.runner, "Evening")) == 1
        led.clock.turn(9 * MINUTE)
        assert led.fire("Till")
        led.settle()
        assert timers(led.runner, "Evening") == []
        assert statuses(led.runner) == {"confirmed": 1}
        assert wrong(led.runner) == []


def test_without_an_answer_the_saga_turns_round(store_url: str) -> None:
    with hands(store_url) as led:
        waiting(led)
        led.clock.turn(10 * MINUTE)
        led.turn("Evening")
        assert led.fire("Evening")
        led.settle()
        assert statuses(led.runner) == {"cancelled": 1}
        assert "Fee.Returned" in named(led.runner, Till)


def at_head(led: Hands, follower: str) -> bool:
    return led.followers[follower].caught_up


def test_an_answer_that_is_in_a_log_beats_the_timeout(store_url: str) -> None:
    with hands(store_url) as led, hands(store_url, led.clock) as other:
        waiting(led)
        led.clock.turn(10 * MINUTE)
        other.turn("Till")
        assert other.fire("Till")
        # Both are due, and the answer is in the log. A follower before the head fires nothing.
        led.look()
        assert not at_head(led, "Evening")
        led.settle()
        assert at_head(led, "Evening")
        led.fire("Evening")
        led.settle()
        assert statuses(led.runner) == {"confirmed": 1}
        assert wrong(led.runner) == []


class StumblingBank(GoodBank):
    """Fails at the first call."""

    @override
    def answer(self, key: str) -> Paid:
        if self.asked.total() == 1:
            raise ConnectionError("no line")
        return Paid("at last")


def test_a_retry_does_not_wait_for_a_backlog_and_a_timeout_does(store_url: str) -> None:
    with hands(store_url) as led:
        led.runner.get(Till).bank = StumblingBank()
        led.open()
        led.want(wish())
        led.settle()
        led.clock.turn(11 * MINUTE)
        # The pause and the timeout of the step are over, and there are more guests than in a batch.
        led.want(wish("Bea"))
        led.look()
        assert not at_head(led, "Evening")
        evening, now = led.followers["Evening"], led.clock().timestamp()
        assert evening.fire(now, at_head=False)
        assert not evening.fire(now, at_head=False)
        led.settle()
        assert statuses(led.runner) == {"confirmed": 2}
        assert wrong(led.runner) == []


def test_a_failed_read_of_a_log_fires_no_timeout(postgres_store: str) -> None:
    with hands(postgres_store) as led:
        led.look()
        window = led.runner.windows["Till"]
        assert window.complete
        with outside(postgres_store) as connection:
            connection.execute(text("ALTER TABLE till_events RENAME TO lost"))
        with pytest.raises(Exception, match="till_events"):
            window.refresh()
        assert not window.complete


# Ports that fail, and timers that retry


class DownBank(GoodBank):
    """Fails as often as it is set to."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    @override
    def answer(self, key: str) -> Paid | Later:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the line is dead")
        return Paid("at last")


def faults(led: Hands) -> list[tuple[int, str]]:
    return [(e.attempt, e.reason) for e in events(led.runner, Till) if hasattr(e, "command_id")]


def test_the_saga_tries_a_command_again_whose_port_failed(store_url: str) -> None:
    with hands(store_url) as led:
        bank = led.runner.get(Till).bank = DownBank(2)
        led.open()
        led.want(wish())
        led.settle()
        assert faults(led) == [(1, "ConnectionError: the line is dead")]
        for _ in range(2):
            assert not led.fire("Evening")
            led.clock.turn(2 * MINUTE)
            assert led.fire("Evening")
            led.settle()
        assert [attempt for attempt, _ in faults(led)] == [1, 2]
        assert set(bank.asked.values()) == {3}
        assert statuses(led.runner) == {"confirmed": 1}
        assert timers(led.runner, "Evening") == []
        assert wrong(led.runner) == []
        assert letters(led.runner) == []


def test_a_saga_whose_port_stays_down_turns_round(store_url: str) -> None:
    with hands(store_url) as led:
        led.runner.get(Till).bank = DownBank(3)
        led.open()
        led.want(wish())
        led.settle()
        for _ in range(4):
            led.clock.turn(2 * MINUTE)
            led.fire()
            led.settle()
        assert [attempt for attempt, _ in faults(led)] == [1, 2, 3]
        assert statuses(led.runner) == {"cancelled": 1}


def test_the_command_of_a_timer_is_retried_when_its_port_fails(store_url: str) -> None:
    with hands(store_url) as led:
        waiting(led)
        led.runner.get(Till).bank = DownBank(1)
        led.clock.turn(9 * MINUTE)
        assert led.fire("Till")
        (again,) = timers(led.runner, "Till")
        assert again.due_at > led.clock().timestamp()
        assert faults(led) == []
        assert not led.fire("Till")
        led.clock.turn(timedelta(seconds=5))
        assert led.fire("Till")
        led.settle()
        assert statuses(led.runner) == {"confirmed": 1}
        assert wrong(led.runner) == []


# What a timer carries


def test_the_cause_of_what_follows_from_a_timer_is_the_timer(store_url: str) -> None:
    with hands(store_url) as led:
        ask(led)
        led.clock.turn(MINUTE)
        led.fire("Porter")
        (row,) = recorder(led.runner, Porter).page(0, 10).rows
        assert (row.key, row.cause, row.hop) == ("Ada", "timer:Ada", 1)


def test_a_timer_runs_no_code_that_its_row_names() -> None:
    row = TimerRow("1", 0.0, "antigravity:Fly", b"{}", None, None, 0)
    message = timer_message("Porter", row)
    assert timer_of(message) == "1"
    with pytest.raises(UnknownTopic):
        _ = message.event
    assert command_class("tests.sagaline.small_system:Remind") is Remind


def test_setting_a_timer_moves_the_fence_and_other_commands_do_not(store_url: str) -> None:
    with hands(store_url) as led:
        before = fence(led.runner, "Porter"), fence(led.runner, "House")
        led.open()
        ask(led)
        assert (fence(led.runner, "Porter"), fence(led.runner, "House")) == (
            before[0] + 1,
            before[1],
        )
