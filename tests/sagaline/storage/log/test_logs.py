"""Logs: bulk writes, pages, streams, and the order in which events become visible."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, InternalError, OperationalError, Tracking
from sqlalchemy import select

from sagaline.errors import StoreDamaged, TransactionFailed, VersionConflict
from sagaline.storage import Appended, EventRow, LogRow, Page, ProcessRecorder
from tests.sagaline.storage.stores import (
    counted,
    opened,
    outside,
    placed,
    recorded,
    recorder_of,
    stored,
)


@contextmanager
def locked(url: str, mode: str) -> Iterator[None]:
    """Another transaction locks the table of a log."""
    with (
        outside(url) as other,
        other.execution_options(isolation_level="READ COMMITTED").begin(),
    ):
        other.exec_driver_sql(f"LOCK TABLE orders_events IN {mode} MODE")
        yield


def test_a_batch_gets_contiguous_ids_and_returns_the_head_before_it(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.write() as connection:
            first = orders.append(connection, [placed() for _ in range(3)])
            second = orders.append(connection, [placed() for _ in range(1000)])

        assert (list(first.ids), first.before) == ([1, 2, 3], 0)
        assert (list(second.ids), second.before) == (list(range(4, 1004)), 3)
        assert orders.head() == 1003


def test_an_empty_batch_writes_nothing_and_returns_the_head(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        with datastore.write() as connection:
            appended = orders.append(connection, [])
        assert appended == Appended(appended.ids, 1)
        assert list(appended.ids) == []


def test_a_row_is_read_as_it_was_written(store_url: str) -> None:
    order = uuid4()
    row = EventRow(order, 7, "domain:Placed", b"\x00\xff{}", str(order), "orders:3", 4)
    plain = EventRow(uuid4(), 1, "Grüße", b"")
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, row, plain)

        assert orders.page(0, 10).rows == [LogRow(1, *row), LogRow(2, *plain)]
        assert type(orders.page(0, 10).rows[0].state) is bytes
        assert orders.streams([order]) == {order: [LogRow(1, *row)]}


def test_upstreams_insert_writes_the_envelope_if_there_is_one(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        orders.insert_events([stored()], trace=[("key", "orders:1", 5)])
        orders.insert_events([stored()])

        first, second = orders.page(0, 10).rows
        assert (first.key, first.cause, first.hop) == ("key", "orders:1", 5)
        assert (second.key, second.cause, second.hop) == (None, None, None)


def test_a_page_ends_at_its_limit_or_at_the_head(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, *[placed() for _ in range(10)])

        assert [row.id for row in orders.page(0, 4).rows] == [1, 2, 3, 4]
        assert orders.page(0, 4).head == 4
        assert [row.id for row in orders.page(8, 4).rows] == [9, 10]
        assert orders.page(8, 4).head == 10
        assert orders.page(10, 4) == Page([], 10)
        assert orders.page(0, 10, upto=3).head == 3
        assert [row.id for row in orders.page(0, 10, upto=3).rows] == [1, 2, 3]
        assert orders.page(0, 3, upto=3).head == 3


def test_a_position_ahead_of_the_log_is_not_moved_back(store_url: str) -> None:
    with opened(store_url) as datastore:
        assert recorder_of(datastore).page(99, 4) == Page([], 99)


def test_events_that_are_filtered_out_advance_the_position(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, *[placed(topic="Paid" if n % 3 == 0 else "Placed") for n in range(9)])

        paid = orders.page(0, 2, without=["Placed"])
        assert ([row.id for row in paid.rows], paid.head) == ([1, 4], 4)
        rest = orders.page(paid.head, 2, without=["Placed"])
        assert ([row.id for row in rest.rows], rest.head) == ([7], 9)
        assert orders.page(0, 5, without={"Paid", "Placed"}) == Page([], 9)
        assert orders.page(0, 5, without=["Nothing"]).head == 5


def test_a_topic_filter_finds_events_far_apart(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed(topic="Rare"))
        with outside(store_url) as connection:
            connection.exec_driver_sql("UPDATE orders_events SET id = 5000000")
        if datastore.dialect == "postgresql":
            with outside(store_url) as connection:
                connection.exec_driver_sql("SELECT setval('orders_events_id_seq', 5000000)")
        recorded(orders, placed(topic="Rare"))

        page = orders.page(0, 10, without=["Frequent"])
        assert ([row.id for row in page.rows], page.head) == ([5000000, 5000001], 5000001)


def test_streams_are_read_together_each_in_version_order(store_url: str) -> None:
    some = [uuid4() for _ in range(1200)]
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, *[placed(order, 2) for order in some])
        recorded(orders, *[placed(order, 1) for order in some])
        unknown = uuid4()

        found = orders.streams([*some, unknown])
        assert all([row.originator_version for row in found[order]] == [1, 2] for order in some)
        assert found[unknown] == []
        assert orders.streams([]) == {}


def test_streams_with_a_known_version_are_read_from_there(store_url: str) -> None:
    some = [uuid4() for _ in range(1200)]
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, *[placed(order, version) for version in (1, 2, 3) for order in some])
        behind = {order: n % 5 for n, order in enumerate(some[:-1])}

        found = orders.streams(some, behind)
        assert list(found) == some
        for order, version in [*behind.items(), (some[-1], 0)]:
            read = [row.originator_version for row in found[order]]
            assert read == [each for each in (1, 2, 3) if each > version]


def test_changed_aggregates_are_listed_up_to_a_limit_of_events(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        first, second = uuid4(), uuid4()
        recorded(orders, placed(first), placed(second), placed(second, 2))

        assert orders.changed_since(0) == ({first, second}, 3)
        assert orders.changed_since(1) == ({second}, 3)
        assert orders.changed_since(3) == (set(), 3)
        recorded(orders, *[placed() for _ in range(6000)])
        assert orders.changed_since(3) == (None, 6003)


@pytest.mark.parametrize("damage", [b"", b"\1" * 15, b"\1" * 17, "an id of sixteen", 16, 1.5])
def test_an_id_of_another_length_or_type_is_damage_and_no_other_id(
    sqlite_store: str, damage: object
) -> None:
    with opened(sqlite_store) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed(), placed())
        with outside(sqlite_store) as other:
            change = "UPDATE orders_events SET originator_id = ? WHERE id = 2"
            other.exec_driver_sql(change, (damage,))

        reads: list[Callable[[], object]] = [
            lambda: orders.page(0, 10),
            lambda: orders.changed_since(0),
            lambda: orders.select_notifications(1, 10),
            lambda: _ids_by_sqlalchemy(orders),
        ]
        for read in reads:
            with pytest.raises(StoreDamaged):
                read()
        assert len(orders.page(0, 1).rows) == 1


def _ids_by_sqlalchemy(recorder: ProcessRecorder) -> object:
    with recorder.datastore.read() as connection:
        return connection.execute(select(recorder.log.table.c.originator_id)).all()


def test_an_existing_version_is_a_conflict_that_names_the_stream(store_url: str) -> None:
    taken, free = uuid4(), uuid4()
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed(taken))
        with pytest.raises(VersionConflict) as conflict:
            recorded(orders, placed(free), placed(taken), placed())

        assert conflict.value.stream == f"{taken} in orders_events"
        assert isinstance(conflict.value, IntegrityError)
        assert conflict.value.__cause__ is not None
        assert orders.head() == 1
        with pytest.raises(VersionConflict):
            orders.insert_events([stored(taken)])


@pytest.mark.parametrize(
    ("there", "added", "refused"),
    [
        ([1], [3], 3),
        ([1], [2, 4], 4),
        ([1, 2], [3, 4, 6], 6),
        ([], [2], 2),
        ([], [1, 3], 3),
        ([], [3, 2, 1], 2),
        ([1], [2, 2], 2),
    ],
)
def test_the_recorder_refuses_a_version_that_does_not_follow(
    store_url: str, there: list[int], added: list[int], refused: int
) -> None:
    stream, other = uuid4(), uuid4()
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        orders.insert_events([stored(stream, each) for each in there])
        with pytest.raises(IntegrityError, match=rf"Version {refused} of {stream}"):
            orders.insert_events([stored(other), *(stored(stream, each) for each in added)])
        assert len(orders.select_events(stream)) == len(there)
        assert orders.select_events(other) == []


def test_versions_that_follow_are_taken_from_many_streams_at_once(store_url: str) -> None:
    streams = [uuid4() for _ in range(700)]
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        orders.insert_events([stored(each, 0) for each in streams])
        orders.insert_events([stored(each, version) for each in streams for version in (1, 2)])
        orders.insert_events([stored(each, 3) for each in streams])
        assert orders.head() == 4 * 700


def test_half_a_batch_cannot_be_committed_after_a_conflict(store_url: str) -> None:
    taken = uuid4()
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed(taken))

        def catch() -> None:
            with datastore.write() as connection, suppress(VersionConflict):
                orders.append(connection, [placed(), placed(taken)])

        with pytest.raises(TransactionFailed):
            catch()
        assert counted(store_url, "orders_events") == 1


def test_pages_cross_the_gap_of_a_rolled_back_batch(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        with datastore.read() as connection:
            orders.append(connection, [placed(), placed()])
        with datastore.write() as connection:
            appended = orders.append(connection, [placed()])

        assert (list(appended.ids), appended.before) == ([4], 1)
        assert [row.id for row in orders.page(0, 10).rows] == [1, 4]
        assert orders.page(1, 1).head == 4


def test_events_become_visible_in_the_order_of_their_ids(postgres_store: str) -> None:
    """Several writers at once; a reader that follows the head must not skip an event."""
    writers, batches = 4, 30
    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore)
        threads = [
            threading.Thread(
                target=lambda: [recorded(orders, placed(), placed()) for _ in range(batches)]
            )
            for _ in range(writers)
        ]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        position = 0
        while any(thread.is_alive() for thread in threads) or position < orders.head():
            page = orders.page(position, 50)
            seen += [row.id for row in page.rows]
            position = page.head
        for thread in threads:
            thread.join()

        assert len(seen) == writers * batches * 2
        assert seen == sorted(set(seen))


def test_a_writer_waits_a_limited_time_for_a_stopped_one(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        datastore.lock_timeout = 0.1
        orders = recorder_of(datastore)
        with (
            locked(postgres_store, "EXCLUSIVE"),
            pytest.raises(OperationalError, match="lock timeout"),
        ):
            recorded(orders, placed())
        assert recorded(orders, placed())


def test_writers_that_name_the_table_differently_exclude_each_other(
    postgres_store: str,
) -> None:
    with (
        opened(postgres_store) as one,
        opened(postgres_store, "public") as other,
        ThreadPoolExecutor(1) as another,
    ):
        other.lock_timeout = 0.1
        ours, theirs = recorder_of(one), recorder_of(other)
        with one.write() as connection:
            ours.append(connection, [placed()])
            with pytest.raises(OperationalError, match="lock timeout"):
                another.submit(recorded, theirs, placed()).result()
        assert recorded(theirs, placed()) == [2]


def test_a_writer_does_not_wait_for_a_vacuum(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        datastore.lock_timeout = 0.1
        orders = recorder_of(datastore)
        # A vacuum's lock; a waiting lock that conflicts with it cancels the vacuum.
        with locked(postgres_store, "SHARE UPDATE EXCLUSIVE"):
            assert recorded(orders, placed()) == [1]


def test_a_reader_waits_a_limited_time_for_a_lock(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        datastore.lock_timeout = 0.1
        orders = recorder_of(datastore)
        with (
            locked(postgres_store, "ACCESS EXCLUSIVE"),
            pytest.raises(OperationalError, match="lock timeout"),
        ):
            orders.page(0, 10)
        assert orders.page(0, 10).rows == []


def test_a_stopped_writer_blocks_others_for_a_limited_time(postgres_store: str) -> None:
    with opened(postgres_store) as datastore, ThreadPoolExecutor(1) as another:
        datastore.silence_timeout = 0.1
        orders = recorder_of(datastore)
        theirs: list[int] = []

        def write_and_be_stopped() -> None:
            with datastore.write() as connection:
                orders.append(connection, [placed()])
                theirs.extend(another.submit(recorded, orders, placed()).result())
                orders.append(connection, [placed()])

        with pytest.raises(InternalError, match="idle-in-transaction"):
            write_and_be_stopped()
        assert [each.id for each in orders.page(0, 10).rows] == theirs
        assert recorded(orders, placed())


def test_a_writer_stopped_during_a_copy_blocks_others_for_a_limited_time(
    postgres_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, go_on = Event(), Event()

    def stop(*_: object) -> Iterator[Any]:
        stopped.set()
        assert go_on.wait(30)
        yield from ()

    with (
        opened(postgres_store) as one,
        opened(postgres_store) as other,
        ThreadPoolExecutor(1) as another,
    ):
        other.lock_timeout = other.silence_timeout = 0.2
        ours, theirs = recorder_of(one), recorder_of(other)
        with monkeypatch.context() as patch:
            patch.setattr("sagaline.storage.log.postgres_log.numbered", stop)
            writing = another.submit(recorded, ours, placed())
            assert stopped.wait(30)
        with pytest.raises(OperationalError, match="lock timeout"):
            recorded(theirs, placed())
        assert recorded(theirs, placed())
        go_on.set()
        with pytest.raises(OperationalError):
            writing.result()
        assert len(ours.page(0, 10).rows) == 1


def test_moving_a_position_does_not_lock_the_log(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        datastore.lock_timeout = 0.1
        orders = recorder_of(datastore)
        with locked(postgres_store, "EXCLUSIVE"):
            orders.insert_events([], tracking=Tracking("Payments", 5))
        assert orders.max_tracking_id("Payments") == 5


def test_a_writer_notifies_listeners(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore, "my-app")
        with outside(postgres_store) as other:
            raw = other.connection.dbapi_connection
            raw.execute('LISTEN "my-app_events"')  # type: ignore[union-attr]
            recorded(orders, placed())
            notices = list(raw.notifies(timeout=120, stop_after=1))  # type: ignore[union-attr]
        assert [notice.channel for notice in notices] == ["my-app_events"]
