"""A process forks while its stores are open: parent and child both go on, or are told why not."""

import os
import pickle
import sys
import warnings
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from sagaline import Runner
from sagaline.storage import Datastore
from sagaline.storage.notify.file_version import FileVersion
from tests.sagaline.small_system import AddSeats, House, OpenShow, Show, env, system
from tests.sagaline.storage.stores import opened, outside, placed, recorded, recorder_of

LONG = 300.0
"""Seconds that a transaction may be silent: a child writes down what it covered as it ends."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


def in_a_fork(act: Callable[[], Any]) -> Any:
    """What a function returns in a child process, or the error that it raises there."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads, and that is meant
        child = os.fork()
    if not child:
        with os.fdopen(writing, "wb") as answer:
            try:
                answer.write(pickle.dumps(act()))
            except BaseException as error:
                answer.write(pickle.dumps(f"{type(error).__name__}: {error}"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(told)


def test_a_child_and_its_parent_write_on_connections_of_their_own(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        assert in_a_fork(lambda: [recorded(orders, placed()) for _ in range(3)]) == [[2], [3], [4]]
        assert recorded(orders, placed()) == [5]
        assert in_a_fork(lambda: in_a_fork(lambda: recorded(orders, placed()))) == [6]
        assert orders.head() == 6


def test_a_child_outlives_its_parent_and_loses_nothing(sqlite_store: str) -> None:
    """Closing the last connection of the parent must not delete the log that the child writes."""
    with opened(sqlite_store) as datastore:
        recorder_of(datastore)
    in_parent, in_child = os.pipe(), os.pipe()

    def outlive() -> list[int]:
        datastore = Datastore.open(sqlite_store)
        orders = recorder_of(datastore)
        recorded(orders, placed())
        child = os.fork()
        if child:
            os.read(in_parent[0], 1)
            datastore.close()
            os.write(in_child[1], b".")
            os.waitpid(child, 0)
            return []
        recorded(orders, placed())
        os.write(in_parent[1], b".")
        os.read(in_child[0], 1)
        with outside(sqlite_store) as other:
            other.exec_driver_sql("SELECT count(*) FROM orders_events")
        recorded(orders, placed())
        os._exit(0)

    in_a_fork(outlive)
    with opened(sqlite_store) as datastore:
        assert recorder_of(datastore).head() == 3


def test_a_fork_waits_for_the_transactions_of_other_threads(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        orders = recorder_of(datastore)
        begun, may_end = Event(), Event()

        def write() -> None:
            with datastore.write():
                recorded(orders, placed())
                begun.set()
                may_end.wait()

        writer = Thread(target=write)
        writer.start()
        begun.wait()
        Thread(target=may_end.set).start()
        assert in_a_fork(lambda: recorded(orders, placed())) == [2]
        writer.join()
        assert orders.head() == 2


def test_a_child_of_a_transaction_is_refused_what_it_would_spoil(store_url: str) -> None:
    with opened(store_url) as datastore:
        datastore.silence_timeout = LONG
        orders = recorder_of(datastore)

        def commit_again() -> Any:
            with datastore.write():
                pass
            return orders.head()

        with datastore.write():
            recorded(orders, placed())
            told = in_a_fork(orders.head)
            again = in_a_fork(commit_again)
        assert orders.head() == 1
        if datastore.has_file:
            assert told.startswith("StoreClosed: ")
            assert "the process forked while a transaction was open" in told
            assert again == told
        else:
            assert (told, again) == (0, 0)


def test_the_transaction_itself_commits_nothing_in_a_child(store_url: str) -> None:
    with opened(store_url) as datastore:
        datastore.silence_timeout = LONG
        orders = recorder_of(datastore)
        transaction = datastore.write()
        with transaction:
            recorded(orders, placed())
            told = in_a_fork(lambda: transaction.__exit__(None, None, None))
            assert told.startswith("TransactionFailed: ")
            assert orders.head() == 1
    with opened(store_url) as datastore:
        assert recorder_of(datastore).head() == 1


def test_a_store_in_memory_is_not_that_of_a_child() -> None:
    with opened("sqlite://") as datastore:
        orders = recorder_of(datastore)
        assert "it is in the memory of the process that forked" in in_a_fork(orders.head)
        assert recorded(orders, placed()) == [1]


def test_a_store_that_a_child_closes_stays_open_in_its_parent(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        assert in_a_fork(datastore.close) is None
        assert recorded(orders, placed()) == [1]


def test_commands_are_given_in_a_child_while_its_parent_runs_the_system(store_url: str) -> None:
    with Runner(system, env(store_url)) as runner:
        house = runner.get(House)
        house.open(OpenShow(show="Hamlet", seats=0))
        for _ in range(5):
            told = in_a_fork(lambda: house.add(AddSeats(show="Hamlet", seats=1)).duplicate)
            assert told is False
            house.add(AddSeats(show="Hamlet", seats=1))
        runner.settle()
        assert "its thread did not follow a fork" in in_a_fork(runner.settle)
        show: Show = house.repository.get(Show.create_id("Hamlet"))
        assert show.left == 10


def test_the_version_of_a_file_is_watched_on_after_a_fork(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        orders, version = recorder_of(datastore), FileVersion(datastore)
        version.changed()
        assert not version.changed()
        in_a_fork(lambda: recorded(orders, placed()))
        assert version.changed()
        version.close()
