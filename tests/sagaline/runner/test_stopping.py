"""A stop ends after the transaction under way, and within its time whatever that waits for."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic

import pytest
from sqlalchemy import Connection

from sagaline import Runner
from sagaline.messaging.message import Message
from sagaline.runner.options import Options
from tests.sagaline.small_system import (
    PATIENCE,
    Desk,
    House,
    OpenShow,
    env,
    guest_list,
    rows_of,
    statuses,
    system,
    until,
    wish,
    wrong,
)
from tests.sagaline.storage.stores import outside

LONG = Options(lock_timeout=1_000)
"""A runner that would wait for a lock longer than the tests do."""

FAR_TOO_LONG = 25.0
"""Seconds after which a stop has waited for the lock: SQLite's own wait ends after 30."""


@contextmanager
def waiting_for(runner: Runner, meanwhile: Callable[[], object]) -> Iterator[None]:
    """A runner that has something to do, in the midst of which something happens."""
    reached = Event()

    def once() -> None:
        if not reached.is_set():
            meanwhile()
            reached.set()

    runner.get(House).open(OpenShow(show="Hamlet", seats=100))
    runner.settle()
    runner.get(House).meanwhile = once
    runner.get(Desk).want(wish("Ada"))
    assert reached.wait(PATIENCE)
    yield


def lock(connection: Connection) -> None:
    """Another program's transaction, which holds up every writer."""
    is_sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_sqlite else "BEGIN; LOCK TABLE followers")


def test_a_stop_does_not_wait_for_a_locked_store(store_url: str) -> None:
    runner = Runner(system, env(store_url), options=LONG)
    with outside(store_url) as another:
        with runner, waiting_for(runner, lambda: lock(another)):
            started = monotonic()
            runner.stop(timeout=2)
            assert monotonic() - started < FAR_TOO_LONG
        another.exec_driver_sql("ROLLBACK")
    until(lambda: not runner.is_alive)
    with Runner(system, env(store_url)) as second:
        second.settle()
        assert statuses(second) == {"confirmed": 1}
        assert wrong(second) == []


def test_a_stop_ends_behind_a_backlog(store_url: str) -> None:
    with Runner(system, env(store_url), only=["Desk"]) as first:
        first.get(Desk).execute([wish(f"guest {number}") for number in range(50)])
    options = Options(read_model_batch_size=1)
    runner = Runner(system, env(store_url), only=["guest_list"], options=options)
    (follower,) = runner.followers
    processor, reached = follower._processor, Event()
    handle = processor.handle

    def noted(message: Message) -> None:
        handle(message)
        reached.set()
        runner._stopping.wait(PATIENCE)

    processor.handle = noted  # type: ignore[method-assign]
    with runner:
        assert reached.wait(PATIENCE)
        runner.stop(timeout=PATIENCE)
        assert not runner.is_alive
    with Runner(system, env(store_url), only=["Desk"]) as last:
        assert len(rows_of(last, guest_list)) == 1


def test_a_stop_says_what_it_does_not_wait_for(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    entered, released = Event(), Event()

    def wait() -> None:
        entered.set()
        released.wait(PATIENCE)

    runner = Runner(system, env(store_url))
    with runner, waiting_for(runner, lambda: None):
        runner.settle()
        runner.get(House).meanwhile = wait
        runner.get(Desk).want(wish("Bea"))
        assert entered.wait(PATIENCE)
        with caplog.at_level(logging.WARNING):
            runner.stop(timeout=0.2)
        assert "evenings has stopped, and does not wait for House, which is still" in caplog.text
        assert not runner.views.is_closed
        released.set()
        until(lambda: runner.views.is_closed)
    assert not runner.is_alive


def test_a_runner_without_room_for_a_listener_polls(
    store_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room() -> None:
        raise OSError("Too many open files")

    monkeypatch.setattr("sagaline.storage.notify.listener.socket.socketpair", no_room)
    with Runner(system, env(store_url), only=["guest_list"]) as runner:
        with Runner(system, env(store_url), only=["Desk"]) as another:
            another.get(Desk).want(wish("Ada"))
        until(lambda: len(rows_of(runner, guest_list)) == 1)
    assert "found by polling alone: Too many open files" in caplog.text


def test_a_runner_that_cannot_start_its_threads_says_so(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(system, env(sqlite_store))

    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("sagaline.storage.notify.helper_thread.HelperThread.start", no_thread)
    runner.start()
    until(lambda: not runner.is_alive)
    assert "can't start new thread" in str(runner.failure)
    runner.stop()
