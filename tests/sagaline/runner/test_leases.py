"""Leases: each follower has one runner at a time, and soon another one when that is gone."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text, update
from typing_extensions import override

from sagaline import Runner
from sagaline.errors import FencedOut
from sagaline.runner import leases as lease
from sagaline.runner.balancing import balance
from sagaline.runner.lease_renewal import LeaseRenewal
from sagaline.runner.leases import Leases
from sagaline.runner.options import Options
from sagaline.storage import Datastore, advance, follower_state, register
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.leases import (
    lease_owners,
    live_runners,
    new_owner,
    register_runner,
)
from sagaline.storage.tables.schema import followers
from sagaline.storage.tables.schema import runners as runners_table
from tests.sagaline.small_system import (
    PROCESSES,
    Desk,
    GoodBank,
    House,
    OpenShow,
    Paid,
    Till,
    env,
    letters,
    named,
    statuses,
    system,
    until,
    wish,
    wrong,
)
from tests.sagaline.storage.stores import opened, outside

NAMES = ["Evening", "House"]


EAGER = Options(lease_poll_interval=1e-9)
"""Runners that read the leases in each turn."""


def leases_on(
    datastore: Datastore,
    names: Collection[str] = NAMES,
    duration: float = 4.0,
    poll_interval: float = 1e-9,
) -> Leases:
    """Leases that are read whenever they are acquired."""
    return Leases(datastore, names, duration=duration, poll_interval=poll_interval)


def prepared(datastore: Datastore) -> None:
    create_tables(datastore)
    with datastore.write() as connection:
        for name in NAMES:
            register(connection, name, ["Desk"])


def fences(datastore: Datastore) -> list[int]:
    with datastore.read() as connection:
        return [follower_state(connection, name).fence for name in NAMES]


def lease_until(datastore: Datastore, name: str) -> float:
    with datastore.read() as connection:
        query = select(followers.c.lease_until).where(followers.c.name == name)
        return connection.execute(query).scalar_one() or 0.0


def run_out(datastore: Datastore) -> None:
    """Expires all leases."""
    with datastore.write() as connection:
        connection.execute(update(followers).values(lease_until=1.0))
        connection.execute(update(runners_table).values(alive_until=1.0))


def test_two_runners_share_the_followers(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore), leases_on(datastore)
        assert first.acquire() == first.held == set(NAMES)
        assert second.acquire() == second.held == set()
        assert first.acquire() == set()
        assert len(first.held) == 1
        assert second.acquire() == second.held == set(NAMES) - first.held
        with datastore.read() as connection:
            assert set(lease_owners(connection)) == set(NAMES)


def test_a_dead_runner_has_no_share(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore), leases_on(datastore)
        second.acquire()
        run_out(datastore)
        assert first.acquire() == set(NAMES)


def idle(names: Iterable[str]) -> dict[str, float]:
    return dict.fromkeys(names, 0.0)


@pytest.mark.parametrize("runners", range(1, 6))
def test_idle_followers_are_shared_out_by_number(runners: int) -> None:
    names = idle(f"follower {each}" for each in range(12))
    wanted = dict.fromkeys([f"runner {each}" for each in range(runners)], names)
    shares = balance(wanted, {})
    counts = Counter(shares.values())
    assert set(shares) == set(names)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert balance(wanted, shares) == shares


def test_followers_move_only_to_a_new_runner() -> None:
    names = idle(f"follower {each}" for each in range(12))
    before = balance(dict.fromkeys(["a", "b"], names), {})
    after = balance(dict.fromkeys(["a", "b", "c"], names), before)
    moved = {after[each] for each in names if after[each] != before[each]}
    assert Counter(after.values()) == {"a": 4, "b": 4, "c": 4}
    assert moved == {"c"}


def test_a_runner_gets_only_followers_that_it_can_run() -> None:
    wanted = {"all": idle("xyz"), "one": idle("y"), "none": idle("")}
    assert balance(wanted, {"y": "all"}) == {"x": "all", "y": "one", "z": "all"}


def test_work_is_shared_out_rather_than_followers() -> None:
    loads = {"saga": 0.5, "stock": 0.2, "list": 0.1, "detail": 0.1, "sales": 0.1}
    wanted = {"busy": loads, "new": idle(loads)}
    held = dict.fromkeys(loads, "busy")
    assert balance(wanted, held) == {**held, "saga": "new"}


def test_a_follower_stays_while_the_work_is_even_enough() -> None:
    wanted = {
        "a": {"saga": 0.5, "stock": 0.0, "list": 0.05},
        "b": {"saga": 0.0, "stock": 0.45, "list": 0.0},
    }
    held = {"saga": "a", "stock": "b", "list": "a"}
    assert balance(wanted, held) == held
    wanted["a"]["list"] = 0.2
    assert balance(wanted, held) == {**held, "list": "b"}


def test_the_free_follower_with_most_work_is_assigned_first() -> None:
    wanted = {"a": {"x": 0.3}, "b": idle("xyz")}
    assert balance(wanted, {"x": "a", "y": "dead", "z": "dead"}) == {"x": "a", "y": "b", "z": "b"}


def test_a_runner_that_reads_a_log_gets_its_other_readers() -> None:
    loads = {"desk": 0.5, "till": 0.4, "list": 0.1, "detail": 0.1, "sales": 0.05}
    held = {"desk": "a", "till": "b"}
    leaders = {"list": ["till"], "detail": ["till"], "sales": ["desk"]}
    readers = {"list": "b", "detail": "b", "sales": "a"}
    assert balance({"a": loads, "b": loads}, held, leaders) == {**held, **readers}


def test_each_runner_gets_a_read_model_to_run_while_it_waits() -> None:
    loads = {"saga": 0.35, "stock": 0.2, "cards": 0.15, "list": 0.1, "detail": 0.1, "sales": 0.1}
    wanted = {"busy": loads, "new": idle(loads)}
    contexts = ("stock", "cards")
    leaders = {"saga": contexts, **dict.fromkeys(contexts, ("saga",))}
    leaders |= dict.fromkeys(["list", "detail", "sales"], ("saga", *contexts))
    shares = balance(wanted, dict.fromkeys(loads, "busy"), leaders)
    assert shares["saga"] != shares["stock"] == shares["cards"]
    assert {shares["list"], shares["detail"], shares["sales"]} == {"busy", "new"}
    assert balance(wanted, shares, leaders) == shares


def test_to_read_a_log_that_another_runner_writes_is_work() -> None:
    loads = {"desk": 0.3, "list": 0.2, "till": 0.4}
    wanted = {"a": loads, "b": loads}
    held = {"desk": "a", "list": "a", "till": "b"}
    assert balance(wanted, held) == held
    assert balance(wanted, held, {"list": ["desk"]}) == held
    assert balance(wanted, {**held, "list": "b"}) == held
    assert balance(wanted, held, {"list": ["till"], "desk": ["till"]}) == {**held, "list": "b"}


def test_the_load_of_a_follower_is_its_working_time(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        leases = leases_on(datastore)
        leases.acquire()
        for _ in range(20):
            leases.add_work("House", 1_000.0)
            leases.acquire()
        leases.renew()
        with datastore.read() as connection:
            (loads,) = live_runners(connection).values()
        assert loads["House"] > 1_000 * loads["Evening"] == 0
        leases.add_work("Evening", 1e-12)
        leases.acquire()
        leases.renew()
        with datastore.read() as connection:
            assert live_runners(connection) == {leases.owner: loads}, "little work changes nothing"


def test_a_follower_that_has_moved_keeps_its_load() -> None:
    wanted = {"a": {"saga": 0.5, "stock": 0.4}, "b": idle(["saga", "stock"])}
    held = {"saga": "b", "stock": "a"}
    assert balance(wanted, held) == held


def test_a_renewal_moves_no_fence(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        leases = leases_on(datastore)
        leases.acquire()
        before, until_then = fences(datastore), lease_until(datastore, "House")
        leases.acquire()
        leases.renew()
        assert fences(datastore) == before
        assert lease_until(datastore, "House") > until_then


def test_a_renewal_acquires_nothing_new(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore, ["House"]), leases_on(datastore)
        first.acquire()
        second.acquire()
        first.release()
        second.renew()
        assert second.held == {"Evening"}
        assert second.acquire() == {"House"}


def test_a_released_follower_is_free_at_once(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore), leases_on(datastore)
        first.acquire()
        first.release()
        assert first.held == set()
        assert second.acquire() == set(NAMES)


def test_a_takeover_moves_the_fence(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore), leases_on(datastore)
        first.acquire()
        before = fences(datastore)
        run_out(datastore)
        assert second.acquire() == set(NAMES)
        assert fences(datastore) == [each + 1 for each in before]
        with pytest.raises(FencedOut), datastore.write() as connection:
            advance(connection, "House", before[1], {"Desk": 1})
        assert first.acquire() == first.held == set()


def test_an_owner_whose_expired_leases_are_free_keeps_them(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        leases = leases_on(datastore)
        leases.acquire()
        before = fences(datastore)
        run_out(datastore)
        with datastore.read() as connection:
            assert lease_owners(connection) == {}
        assert leases.acquire() == set()
        assert fences(datastore) == before


def test_the_leases_are_read_once_in_a_poll_interval(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = (
            leases_on(datastore, ["House"]),
            leases_on(datastore, NAMES, poll_interval=60.0),
        )
        first.acquire()
        second.acquire()
        first.release()
        assert second.acquire() == set()
        second.poll_interval = 0.0
        assert second.acquire() == {"House"}


def test_a_runner_with_its_share_writes_nothing(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        first, second = leases_on(datastore), leases_on(datastore)
        for _ in range(2):
            first.acquire()
            second.acquire()
        before = [lease_until(datastore, each) for each in NAMES]
        assert first.acquire() == second.acquire() == set()
        assert [lease_until(datastore, each) for each in NAMES] == before


def acquire_and_die(url: str) -> None:
    with opened(url) as datastore:
        leases_on(datastore).acquire()
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_leases_of_a_killed_process_are_acquired_at_once(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        process = PROCESSES.Process(target=acquire_and_die, args=(store_url,))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with datastore.read() as connection:
            assert set(lease_owners(connection)) == set(NAMES)
        assert leases_on(datastore).acquire() == set(NAMES)


NO_PROCESS = 2**22 + 1
"""A process id that Linux never gives: the highest is 2**22."""


@pytest.mark.parametrize("machine", ["elsewhere", "of one name"])
def test_the_leases_of_another_machine_must_expire(
    store_url: str, machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if machine == "of one name":
        (tmp_path / "boot_id").write_text("0f1e2d3c-0000-4000-8000-000000000000\n")
        with monkeypatch.context() as there:
            there.setattr(lease, "BOOT_ID", tmp_path / "boot_id")
            machine = lease._machine.__wrapped__()
    with opened(store_url) as datastore:
        prepared(datastore)
        far = new_owner(f"{machine}:{NO_PROCESS}", 3600)
        with datastore.write() as connection:
            register_runner(connection, far, {}, 3600)
            connection.execute(update(followers).values(owner=far, lease_until=time.time() + 3600))
        leases = leases_on(datastore)
        assert leases.acquire() == set()
        run_out(datastore)
        assert leases.acquire() == set(NAMES)


def test_a_takeover_ends_a_stopped_process_that_sends_rows(
    postgres_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaline.storage.sql.postgres.STUCK_COPY_TIMEOUT", 0.0)
    with opened(postgres_store) as datastore:
        prepared(datastore)
        leases = leases_on(datastore)
        with closing(datastore.engine.raw_connection()) as pooled:
            stopped: Any = pooled.driver_connection
            stopped.execute("BEGIN; UPDATE followers SET fence = fence + 1")
            with (
                pytest.raises(psycopg.errors.AdminShutdown),
                stopped.cursor().copy("COPY runners FROM STDIN"),
            ):
                assert leases.acquire() == set(NAMES)


Session = Callable[[str], AbstractContextManager[Any]]


@contextmanager
def bystander(store: str) -> Iterator[Any]:
    """Another program of the same role, which calls itself as we do."""
    address = store.replace("+psycopg", "")
    with closing(psycopg.connect(address, application_name="sagaline")) as connection:
        yield connection


@contextmanager
def tenant(store: str) -> Iterator[Any]:
    """A session of another system, in a schema of its own."""
    with opened(store, "tenant") as datastore, closing(datastore.engine.raw_connection()) as pooled:
        yield pooled.driver_connection


@pytest.mark.parametrize("session_of", [bystander, tenant])
def test_a_takeover_ends_no_session_of_others(
    postgres_store: str, monkeypatch: pytest.MonkeyPatch, session_of: Session
) -> None:
    monkeypatch.setattr("sagaline.storage.sql.postgres.STUCK_COPY_TIMEOUT", 0.0)
    with opened(postgres_store) as datastore, session_of(postgres_store) as session:
        prepared(datastore)
        session.execute("CREATE TEMPORARY TABLE numbers (n INTEGER)")
        with session.cursor().copy("COPY numbers FROM STDIN") as rows:
            assert leases_on(datastore).acquire() == set(NAMES)
            rows.write_row([1])
        assert session.execute("SELECT * FROM numbers").fetchall() == [(1,)]


@pytest.mark.parametrize("owner", ["elsewhere:1:0123abcd", "elsewhere:1:0123abcd-60"])
@pytest.mark.parametrize("is_registered", [True, False])
def test_a_lease_that_ends_later_than_a_lease_can_is_free(
    store_url: str, owner: str, is_registered: bool
) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        with datastore.write() as connection:
            if is_registered:
                register_runner(connection, owner, dict.fromkeys(NAMES, 0.0), 3600)
            connection.execute(
                update(followers).values(owner=owner, lease_until=time.time() + 3600)
            )
        with datastore.read() as connection:
            assert (lease_owners(connection), live_runners(connection)) == ({}, {})
        assert leases_on(datastore).acquire() == set(NAMES)


# Runners


def led_by(runner: Runner) -> set[str]:
    with runner.views.read() as connection:
        return set(lease_owners(connection))


def test_a_second_runner_takes_over_when_the_first_one_stops(store_url: str) -> None:
    with Runner(system, env(store_url), options=EAGER) as second:
        until(lambda: len(led_by(second)) == len(second.followers))
        with Runner(system, env(store_url), options=EAGER) as idle:
            idle.get(House).open(OpenShow(show="Hamlet", seats=10))
            idle.get(Desk).want(wish())
            idle.settle()
            second.stop()
            idle.get(Desk).want(wish("Bea"))
            idle.settle(timeout=120)
            assert statuses(idle) == {"confirmed": 2}
            assert wrong(idle) == []


def running_until_killed(url: str, ready: Any) -> None:
    runner = Runner(system, env(url))
    runner.start()
    ready.set()
    signal.pause()


def test_a_second_runner_takes_over_when_the_first_one_is_killed(store_url: str) -> None:
    ready = PROCESSES.Event()
    process = PROCESSES.Process(target=running_until_killed, args=(store_url, ready))
    process.start()
    assert ready.wait(30)
    with Runner(system, env(store_url), options=EAGER) as runner:
        house, desk = runner.get(House), runner.get(Desk)
        house.open(OpenShow(show="Hamlet", seats=50))
        desk.execute([wish(f"guest {each}") for each in range(60)])
        until(lambda: "Hold.Made" in named(runner, House))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        desk.execute([wish(f"late {each}") for each in range(10)])
        runner.settle()
        assert statuses(runner) == {"confirmed": 50, "cancelled": 20}
        assert wrong(runner) == []
        assert letters(runner) == []


class SlowBank(GoodBank):
    """Answers when its owner's lease would have run out long ago, were it not renewed."""

    def __init__(self, datastore: Datastore, seconds: float) -> None:
        super().__init__()
        self.datastore = datastore
        self.seconds = seconds

    @override
    def answer(self, key: str) -> Paid:
        first = lease_until(self.datastore, "Till")
        until(lambda: lease_until(self.datastore, "Till") > first + 2 * self.seconds)
        return Paid("slowly")


def test_a_port_that_is_slower_than_a_lease_does_not_cost_the_lease(store_url: str) -> None:
    short = Options(lease_duration=1.5, lease_renewal_interval=0.1, lease_poll_interval=1e-9)
    with (
        Runner(system, env(store_url), options=short) as first,
        Runner(system, env(store_url), options=short) as second,
    ):
        banks = []
        for runner in (first, second):
            bank = SlowBank(runner.get(Till).datastore, 1.6)
            runner.get(Till).bank = bank
            banks.append(bank)
        first.get(House).open(OpenShow(show="Hamlet", seats=10))
        first.get(Desk).want(wish())
        first.settle()
        # One bank was called, once: the other runner did not take the batch over.
        assert sum(bank.asked.total() for bank in banks) == 1
        assert statuses(first) == {"confirmed": 1}
        assert wrong(first) == []


def test_a_runner_that_hangs_is_followed_and_one_that_works_is_not(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        leases = leases_on(datastore, duration=0.3)
        leases.acquire()
        with closing(LeaseRenewal([leases], 0.05)) as renewal:
            first = lease_until(datastore, "House")
            until(lambda: lease_until(datastore, "House") > first + 3 * 0.3)
            renewal.hung_timeout = 0.0
            second = leases_on(datastore, duration=0.3)
            until(lambda: leads_all(second))
            renewal.report_progress()
            assert leases.acquire() == leases.held == set()


def leads_all(leases: Leases) -> bool:
    leases.acquire()
    return leases.held == set(NAMES)


def test_a_renewal_that_fails_is_not_the_last(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        prepared(datastore)
        leases = leases_on(datastore)
        leases.acquire()
        with closing(LeaseRenewal([leases], 0.05)), outside(postgres_store) as administrator:
            for _ in range(3):
                before = lease_until(datastore, "House")
                administrator.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                until(partial(is_later, datastore, before))


def is_later(datastore: Datastore, before: float) -> bool:
    with suppress(*STORAGE_FAULTS):
        return lease_until(datastore, "House") > before
    return False


def test_a_lease_is_by_the_clock_of_the_database(store_url: str) -> None:
    with opened(store_url) as datastore:
        prepared(datastore)
        leases_on(datastore).acquire()
        with datastore.read() as connection:
            kind = datastore.dialect
            sql = {
                "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
                "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
            }[kind]
            now = float(connection.execute(text(sql)).scalar_one())
        assert now < lease_until(datastore, "House") < now + 60
