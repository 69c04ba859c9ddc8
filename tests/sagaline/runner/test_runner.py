"""Runners: their start, their stop, and the faults of their stores in between."""

import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.system import RunnerAlreadyStartedError
from sqlalchemy import inspect, make_url, text
from typing_extensions import override

from sagaline import CommandFaulted, DefinitionError, Options, Runner, StoreUnusable, System
from sagaline.errors import LogTooShort, RunnerDied, StoreOfAnotherSystem, UnknownEvents
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import message_of
from sagaline.messaging.message import Message
from sagaline.storage import Datastore, LogRow
from tests.sagaline.small_system import (
    PROCESSES,
    AddSeats,
    AskForReminder,
    Cancel,
    Clock,
    Desk,
    GoodBank,
    House,
    OpenShow,
    Paid,
    Porter,
    Reminder,
    Till,
    env,
    events,
    guest_list,
    joined,
    letters,
    named,
    reached,
    recorder,
    rows_of,
    show_list,
    statuses,
    system,
    timers,
    trouble,
    until,
    wish,
    wrong,
)
from tests.sagaline.storage.stores import outside


def opened(runner: Runner, seats: int = 100) -> None:
    runner.get(House).open(OpenShow(show="Hamlet", seats=seats))


def want(runner: Runner, count: int) -> None:
    receipts = runner.get(Desk).execute([wish(f"guest {each}") for each in range(count)])
    assert {each.error for each in receipts} == {None}


# Starting and stopping


def test_a_runner_has_the_interface_of_upstream(store_url: str) -> None:
    with Runner(system, env(store_url)) as runner:
        opened(runner, seats=3)
        receipt = runner.get(Desk).want(wish())
        assert receipt.position == "desk:1"
        want(runner, 4)
        runner.settle()
        assert statuses(runner) == {"confirmed": 3, "cancelled": 2}
        assert wrong(runner) == []


def test_a_runner_without_a_store_runs_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQLALCHEMY_URL", raising=False)
    with Runner(system) as runner:
        opened(runner)
        want(runner, 3)
        runner.settle()
        assert statuses(runner) == {"confirmed": 3}
        assert wrong(runner) == []


def test_a_runner_catches_up_at_start(store_url: str) -> None:
    runner = Runner(system, env(store_url))
    opened(runner)
    want(runner, 5)
    runner.stop()
    with Runner(system, env(store_url)) as second:
        second.settle()
        assert statuses(second) == {"confirmed": 5}


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_clock_without_a_zone_is_refused(sqlite_store: str) -> None:
    with pytest.raises(DefinitionError, match="times without a zone"):
        Runner(system, env(sqlite_store), now=lambda: NOON.replace(tzinfo=None))


def test_a_runner_starts_once(sqlite_store: str) -> None:
    with Runner(system, env(sqlite_store)) as runner:
        with pytest.raises(RunnerAlreadyStartedError):
            runner.start()
        opened(runner)
        want(runner, 1)
        runner.settle()
        assert statuses(runner) == {"confirmed": 1}


def test_stopping_twice_closes_no_store_of_another_runner(sqlite_store: str) -> None:
    first, second = Runner(system, env(sqlite_store)), Runner(system, env(sqlite_store))
    first.start()
    for _ in range(12):
        first.stop()
    with second:
        opened(second)
        want(second, 2)
        second.settle()
        assert statuses(second) == {"confirmed": 2}
    assert second.views.is_closed
    assert threads_of(system.name) == 0


def threads_of(name: str) -> int:
    return sum(each.name == name for each in threading.enumerate())


def test_a_runner_that_never_started_can_be_stopped(sqlite_store: str) -> None:
    runner = Runner(system, env(sqlite_store))
    runner.stop()
    assert all(each.is_closed for each in runner.datastores)


def test_a_runner_releases_its_followers_when_it_stops(store_url: str) -> None:
    with Runner(system, env(store_url)) as runner:
        opened(runner)
        want(runner, 1)
        runner.settle()
    with outside(store_url) as connection:
        found = connection.execute(text("SELECT owner FROM followers")).scalars()
        assert set(found) == {None}


# Settling


def test_a_timeout_names_the_lagging_followers(store_url: str) -> None:
    with Runner(system, env(store_url), only=["Evening", "guest_list"]) as runner:
        opened(runner)
        want(runner, 2)
        until(lambda: statuses(runner) == {"wanted": 2})
        until(lambda: "House is " in behind(runner))
        assert " behind Evening" in behind(runner)
        assert "show_list is 2 behind Desk" in behind(runner)
        assert rows_of(runner, show_list) == {}
        assert "Hold.Made" not in named(runner, House)


def behind(runner: Runner) -> str:
    """The error text about followers that have not caught up."""
    with pytest.raises(TimeoutError) as late:
        runner.settle(timeout=0.1)
    return str(late.value)


def test_followers_may_be_shared_out_between_runners(store_url: str) -> None:
    one = Runner(system, env(store_url), only=["Evening", "guest_list", "Till"])
    other = Runner(system, env(store_url), only=["House", "Desk", "show_list", "saga_list"])
    with one, other:
        opened(one, seats=4)
        want(one, 6)
        one.settle()
        assert statuses(other) == {"confirmed": 4, "cancelled": 2}
        assert wrong(other) == []


def test_a_runner_reads_only_the_topics_of_its_followers(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def reading(application: str, row: LogRow, mapper: Any) -> Message:
        read.append(row.topic.rpartition(".")[2])
        return message_of(application, row, mapper)

    one = Runner(system, env(store_url), only=["show_list"])
    other = Runner(system, env(store_url), only=["Evening", "guest_list", "Till", "House", "Desk"])
    with other:
        opened(other, seats=2)
        want(other, 3)
        until(lambda: statuses(other) == {"confirmed": 2, "cancelled": 1})
    monkeypatch.setattr("sagaline.followers.log_window.message_of", reading)
    with one:
        until(lambda: rows_of(one, show_list) == {"Hamlet": (3,)})
        want(one, 1)
        until(lambda: rows_of(one, show_list) == {"Hamlet": (4,)})
    assert read == ["Wanted"] * 4


def test_an_unknown_follower_is_refused(sqlite_store: str) -> None:
    with pytest.raises(DefinitionError, match="no follower Nobody"):
        Runner(system, env(sqlite_store), only=["Nobody"])


def test_a_pending_timer_is_waited_for_and_named(sqlite_store: str) -> None:
    clock = Clock()
    with Runner(system, env(sqlite_store), now=clock) as runner:
        runner.get(Porter).ask_for_one(AskForReminder(guest="Ada", after=60))
        with pytest.raises(TimeoutError, match="timers pending"):
            runner.settle(timeout=0.1)
        runner.settle(horizon=59)
        clock.turn(timedelta(minutes=1))
        runner.settle()
        (given,) = events(runner, Porter)
        assert isinstance(given, Reminder.Given)


def test_settle_raises_the_error_of_a_dead_runner(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(follower: Follower) -> bool:
        raise ZeroDivisionError("a bug of the framework")

    runner = Runner(system, env(sqlite_store))
    runner.start()
    runner.settle()
    monkeypatch.setattr(Follower, "step", break_down)
    opened(runner)  # otherwise it may be settled before it dies
    with pytest.raises(RunnerDied, match="a bug of the framework"):
        runner.settle(timeout=300)
    runner.stop()


# Stores


TOY = System("toys", applications=[Porter])


def test_the_store_of_another_system_is_refused_and_left_as_it_was(store_url: str) -> None:
    with Runner(TOY, env(store_url)):
        pass
    with outside(store_url) as connection:
        before = set(inspect(connection).get_table_names())
    with pytest.raises(StoreOfAnotherSystem, match="'toys'"):
        Runner(system, env(store_url))
    with outside(store_url) as connection:
        assert set(inspect(connection).get_table_names()) == before


def test_a_foreign_table_is_refused_only_under_our_names(tmp_path: Path) -> None:
    logs, views = f"sqlite:///{tmp_path / 'logs.db'}", f"sqlite:///{tmp_path / 'views.db'}"
    with outside(logs) as connection:
        connection.exec_driver_sql("CREATE TABLE guest_list (name text)")
    with outside(views) as connection:
        connection.exec_driver_sql("CREATE TABLE desk_events (name text)")
    stores = {**env(logs), "SAGALINE_VIEWS": views}
    with Runner(system, stores) as runner:
        opened(runner)
        runner.settle()
    with outside(f"sqlite:///{tmp_path / 'all.db'}") as connection:
        connection.exec_driver_sql("CREATE TABLE Desk_Events (name text)")
    with pytest.raises(StoreUnusable, match="its table 'desk_events' is not one of Sagaline"):
        Runner(system, env(f"sqlite:///{tmp_path / 'all.db'}"))


def test_no_store_is_touched_where_one_of_them_is_refused(tmp_path: Path) -> None:
    toys, logs = f"sqlite:///{tmp_path / 'toys.db'}", f"sqlite:///{tmp_path / 'logs.db'}"
    opened_before = {*Datastore._shared}
    with Runner(TOY, env(toys)):
        pass
    with pytest.raises(StoreOfAnotherSystem):
        Runner(system, {**env(logs), "SAGALINE_VIEWS": toys})
    with outside(logs) as connection:
        assert inspect(connection).get_table_names() == []
    # All stores are closed again.
    assert {*Datastore._shared} == opened_before


def test_a_store_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable):
        Runner(system, env(f"sqlite:///{tmp_path / 'nowhere' / 'store.db'}"))


def test_events_that_the_code_does_not_know_are_refused(store_url: str) -> None:
    first = Runner(system, env(store_url))
    want(first, 2)
    with outside(store_url) as connection:
        sql = "UPDATE desk_events SET topic = 'antigravity:Flown' WHERE id = 2"
        connection.execute(text(sql))
    with pytest.raises(UnknownEvents, match=r"antigravity:Flown"), first:
        pass
    assert all(each.is_closed for each in first.datastores)
    with pytest.raises(UnknownEvents), Runner(system, env(store_url)):
        pass


def test_read_tables_ahead_of_a_restored_log_are_refused(tmp_path: Path) -> None:
    views = f"sqlite:///{tmp_path / 'views.db'}"
    stores = {**env(f"sqlite:///{tmp_path / 'logs.db'}"), "SAGALINE_VIEWS": views}
    with Runner(system, stores) as runner:
        opened(runner)
        runner.settle()
    for file in tmp_path.glob("logs.db*"):
        shutil.copy(file, tmp_path / f"backup-{file.name}")
    with Runner(system, stores) as runner:
        want(runner, 2)
        runner.settle()
    for file in tmp_path.glob("logs.db*"):
        file.unlink()
    for file in tmp_path.glob("backup-*"):
        file.rename(tmp_path / file.name.removeprefix("backup-"))
    with pytest.raises(LogTooShort, match=r"has read the log of Desk .* up to \d+; it ends at"):
        Runner(system, stores).start()


def test_logs_and_read_tables_may_be_in_several_stores(new_store: Callable[[str], str]) -> None:
    stores = {
        **env(new_store("logs")),
        "TILL_SQLALCHEMY_URL": new_store("till"),
        "HOUSE_SQLALCHEMY_URL": new_store("house"),
        "SAGALINE_VIEWS": new_store("views"),
    }
    with Runner(system, stores) as runner, Runner(system, stores) as other:
        opened(runner, seats=5)
        want(runner, 7)
        want(other, 3)
        runner.settle()
        assert statuses(other) == {"confirmed": 5, "cancelled": 5}
        assert wrong(runner) == []


def tables_in(url: str, schema: str) -> set[str]:
    with outside(url) as connection:
        return set(inspect(connection).get_table_names(schema))


def test_a_schema_holds_a_store_of_its_own(postgres_store: str) -> None:
    evening = {**env(postgres_store), "SQLALCHEMY_SCHEMA": "evening"}
    with Runner(TOY, {**env(postgres_store), "SQLALCHEMY_SCHEMA": "toys"}):
        pass
    with Runner(system, evening) as runner:
        opened(runner, seats=5)
        want(runner, 7)
        runner.settle()
        assert statuses(runner) == {"confirmed": 5, "cancelled": 2}
        assert wrong(runner) == []
    with pytest.raises(StoreOfAnotherSystem, match="'evenings'"):
        Runner(TOY, evening)
    assert tables_in(postgres_store, "public") == set()
    assert {"store", "desk_events", "guest_list"} <= tables_in(postgres_store, "evening")
    assert "desk_events" not in tables_in(postgres_store, "toys")


def test_one_log_may_have_a_schema_of_its_own(postgres_store: str) -> None:
    schemas = {"SQLALCHEMY_SCHEMA": "evening", "TILL_SQLALCHEMY_SCHEMA": "till"}
    with Runner(system, {**env(postgres_store), **schemas}) as runner:
        assert len(runner.datastores) == 2
        opened(runner, seats=5)
        want(runner, 7)
        runner.settle()
        assert wrong(runner) == []
    assert "till_events" in tables_in(postgres_store, "till")
    assert not {"till_events", "guest_list"} & tables_in(postgres_store, "public")
    assert not {"desk_events", "guest_list"} & tables_in(postgres_store, "till")


# Other processes


def wanting(url: str, ready: Any, count: int) -> None:
    """A process that executes commands, without a runner."""
    desk = Desk({**env(url), "PERSISTENCE_MODULE": "sagaline.storage"})
    ready.wait()
    for each in range(count):
        desk.want(wish(f"guest {each}"))
    desk.close()


def test_a_runner_handles_what_another_process_writes(store_url: str) -> None:
    with Runner(system, env(store_url)) as runner:
        opened(runner)
        runner.settle()
        ready = PROCESSES.Barrier(1)
        joined(PROCESSES.Process(target=wanting, args=(store_url, ready, 5)))
        # This process executes no command, so nothing wakes its runner.
        until(lambda: statuses(runner) == {"confirmed": 5})
        until(lambda: wrong(runner) == [])


def running(url: str, ready: Any, done: Any) -> None:
    with Runner(system, env(url)):
        ready.wait()
        done.wait()


def test_two_runners_in_two_processes_while_commands_arrive(store_url: str) -> None:
    with Runner(system, env(store_url), only=["show_list"]) as here:
        opened(here, seats=30)
        ready, done = PROCESSES.Barrier(4), PROCESSES.Event()
        runners = [PROCESSES.Process(target=running, args=(store_url, ready, done)) for _ in "ab"]
        people = [PROCESSES.Process(target=wanting, args=(store_url, ready, 25)) for _ in "ab"]
        for each in runners:
            each.start()
        joined(*people)
        here.settle()
        done.set()
        for each in runners:
            each.join()
        assert [each.exitcode for each in runners] == [0, 0]
        assert statuses(here) == {"confirmed": 30, "cancelled": 20}
        assert wrong(here) == []
        assert letters(here) == []


# Faults of a store


def locking(path: str, locked: Any, done: Any) -> None:
    """Another process, which locks a whole database for a while."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN EXCLUSIVE")
    locked.set()
    done.wait()
    raw.execute("ROLLBACK")
    raw.close()


@contextmanager
def locked(url: str) -> Iterator[None]:
    taken, done = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=locking, args=(make_url(url).database, taken, done))
    process.start()
    try:
        assert taken.wait(30)
        yield
    finally:
        done.set()
        process.join()


def test_it_recovers_from_a_database_that_was_locked(
    sqlite_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Runner(system, env(f"{sqlite_store}?timeout=0.5")) as runner:
        opened(runner)
        want(runner, 5)
        with locked(sqlite_store):
            until(lambda: "the store does not answer" in caplog.text)
        want(runner, 2)
        runner.settle()
        assert statuses(runner) == {"confirmed": 7}
        assert wrong(runner) == []
        assert letters(runner) == []


def test_a_store_that_does_not_answer_stops_no_follower_of_another(
    sqlite_store: str, tmp_path: Path
) -> None:
    views = f"sqlite:///{tmp_path / 'views.db'}"
    stores = {**env(sqlite_store), "SAGALINE_VIEWS": f"{views}?timeout=0.05"}
    with Runner(system, stores) as runner:
        opened(runner)
        runner.settle()
        with locked(views):
            want(runner, 5)
            until(lambda: named(runner, Desk).count("Booking.Confirmed") == 5)
            assert statuses(runner) == {}
        runner.settle()
        assert statuses(runner) == {"confirmed": 5}
        assert wrong(runner) == []


def test_the_pauses_of_a_follower_that_only_saves_its_position_grow(
    sqlite_store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    views = f"sqlite:///{tmp_path / 'views.db'}"
    stores = {**env(sqlite_store), "SAGALINE_VIEWS": f"{views}?timeout=0.05"}
    with Runner(system, stores, only=["show_list"]) as runner:
        wanted = wish("guest")
        runner.get(Desk).execute_one(wanted)
        until(lambda: bool(rows_of(runner, show_list)))
        with locked(views):
            cancel = Cancel(booking_id=wanted.booking_id, reason="ill")
            runner.get(Desk).execute_one(cancel)  # show_list has no handler for it
            until(lambda: len(_pauses_of("show_list", caplog)) > 2)
        until(lambda: "show_list: the store answers again" in caplog.text)
    assert _pauses_of("show_list", caplog)[:3] == [0.1, 0.2, 0.4]


def _pauses_of(follower: str, caplog: pytest.LogCaptureFixture) -> list[float]:
    """Seconds between its attempts, as it logged them."""
    told = (record.getMessage() for record in caplog.records)
    found = (re.search(rf"{follower}: .*again in ([\d.]+) s", each) for each in told)
    return [float(each[1]) for each in found if each]


@contextmanager
def unreachable(url: str) -> Iterator[None]:
    """A server that cuts all connections and accepts no new ones."""
    name = make_url(url).database
    server = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    with outside(server) as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        connection.execute(text(cut))
        try:
            yield
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))


def test_a_runner_recovers_from_a_server_that_was_away(
    postgres_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Runner(system, env(postgres_store)) as runner:
        opened(runner)
        want(runner, 5)
        until(lambda: "Hold.Made" in named(runner, House))
        with unreachable(postgres_store):
            until(lambda: caplog.text.count("the store does not answer") > 10)
        want(runner, 2)
        runner.settle()
        assert statuses(runner) == {"confirmed": 7}
        assert wrong(runner) == []
        assert letters(runner) == []


def test_a_runner_replaces_connections_that_are_cut(postgres_store: str) -> None:
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with Runner(system, env(postgres_store)) as runner, outside(postgres_store) as connection:
        opened(runner, seats=60)
        want(runner, 60)
        seen = 0
        for _ in range(5):
            connection.execute(text(cut))
            sql = "SELECT count(*) FROM house_events"
            until(lambda: connection.execute(text(sql)).scalar_one() >= seen)  # noqa: B023 # at once
            seen += 10
        until(lambda: connection.execute(text("SELECT count(*) FROM guest_list")).scalar_one() > 0)
        runner.settle()
        assert statuses(runner) == {"confirmed": 60}
        assert wrong(runner) == []
        assert letters(runner) == []


@pytest.mark.parametrize(
    ("lose", "find"),
    [
        ("ALTER TABLE guest_list RENAME TO lost", "ALTER TABLE lost RENAME TO guest_list"),
        (
            "ALTER TABLE guest_list RENAME COLUMN status TO lost",
            "ALTER TABLE guest_list RENAME COLUMN lost TO status",
        ),
    ],
)
def test_a_read_table_that_is_being_altered_parks_nothing(
    store_url: str, caplog: pytest.LogCaptureFixture, lose: str, find: str
) -> None:
    with Runner(system, env(store_url)) as runner, outside(store_url) as connection:
        opened(runner)
        want(runner, 3)
        runner.settle()
        connection.execute(text(lose))
        want(runner, 2)
        until(lambda: caplog.text.count("guest_list: the store does not answer") > 2)
        connection.execute(text(find))
        runner.settle()
        assert statuses(runner) == {"confirmed": 5}
        assert letters(runner) == []
    assert not any("\n" in each.getMessage() for each in caplog.records)


def test_a_dropped_read_table_is_built_again_from_the_start(store_url: str) -> None:
    with Runner(system, env(store_url)) as runner, outside(store_url) as connection:
        opened(runner)
        want(runner, 3)
        runner.settle()
        connection.execute(text("DROP TABLE guest_list"))
        want(runner, 1)
        # The next runner that starts creates the table again, and waiting ones continue.
        with Runner(system, env(store_url), only=["show_list"]):
            until(lambda: statuses(runner) == {"confirmed": 4})
            runner.settle()
        connection.execute(text("DROP TABLE guest_list"))
    with Runner(system, env(store_url)) as runner:
        runner.settle()
        assert statuses(runner) == {"confirmed": 4}
        assert letters(runner) == []


# Handlers and ports that fail


def test_a_bug_stops_one_booking_and_not_the_runner(store_url: str) -> None:
    with Runner(system, env(store_url)) as runner:
        opened(runner)
        ada = wish("Ada")
        with trouble.at("House", ada.booking_id), trouble.at("guest_list", ada.booking_id):
            runner.get(Desk).want(ada)
            want(runner, 5)
            runner.settle()
        assert {x.follower for x in letters(runner)} == {"House", "guest_list"}
        want(runner, 3)
        runner.settle()
        assert statuses(runner) == {"confirmed": 8}


class MeetingBank(GoodBank):
    """Answers when four calls are under way at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.all_here = threading.Barrier(4)

    @override
    def answer(self, key: str) -> Paid:
        self.all_here.wait(20)
        return Paid("together")


def test_the_ports_of_a_batch_are_called_at_the_same_time(store_url: str) -> None:
    runner = Runner(system, env(store_url))
    opened(runner)
    want(runner, 8)
    runner.get(Till).bank = MeetingBank()
    with runner:
        runner.settle()
        assert statuses(runner) == {"confirmed": 8}
        assert wrong(runner) == []


class HangingBank(GoodBank):
    """Does not answer until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    @override
    def answer(self, key: str) -> Paid:
        assert self.release.wait(60)
        return Paid("late")


def test_a_port_that_hangs_is_a_fault_and_is_called_again_later(store_url: str) -> None:
    clock = Clock()
    options = Options(port_call_timeout=0.1)
    with Runner(system, env(store_url), now=clock, options=options) as runner:
        till = runner.get(Till)
        bank = till.bank = HangingBank()
        opened(runner)
        want(runner, 1)
        until(lambda: bool(timers(runner, "Evening")) and len(events(runner, Till)) == 1)
        (fault,) = events(runner, Till)
        assert isinstance(fault, CommandFaulted)
        assert (fault.command, fault.reason) == ("TakeFee", "no answer within 0.1 s")
        bank.release.set()
        runner.settle(horizon=30)
        clock.turn(timedelta(minutes=1))
        runner.settle()
        assert statuses(runner) == {"confirmed": 1}
        assert set(bank.asked.values()) == {2}
        assert wrong(runner) == []


# Skipped events


@pytest.mark.slow
def test_a_long_part_of_a_log_without_followed_topics_is_skipped(sqlite_store: str) -> None:
    with Runner(system, env(sqlite_store)) as runner:
        opened(runner)
        house = runner.get(House)
        for _ in range(12):
            last = house.execute([AddSeats(show="Hamlet", seats=1) for _ in range(500)])[-1]
        runner.settle()
        assert last.position == f"house:{reached(runner, 'Evening', 'House')}"
        assert recorder(runner, House).head() == 6_001
        assert rows_of(runner, guest_list) == {}
