"""Transactions: their owners, inner transactions, and failures."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)
from eventsourcing_sqlalchemy.recorders import SQLAlchemyApplicationRecorder
from sqlalchemy import event, text

from sagaline.errors import (
    AnotherTransaction,
    StoreClosed,
    TransactionFailed,
    TransactionNotShared,
)
from sagaline.storage import ApplicationRecorder, Datastore
from sagaline.storage.tables.creation import create_tables
from tests.sagaline.storage.stores import (
    bare,
    counted,
    opened,
    outside,
    placed,
    recorded,
    recorder_of,
    stored,
)


def _two_files(folder: Path) -> tuple[str, str]:
    return f"sqlite:///{folder / 'orders.db'}", f"sqlite:///{folder / 'payments.db'}"


def test_the_library_writes_events_of_a_second_database_to_the_first(
    tmp_path: Path,
) -> None:
    one, two = _two_files(tmp_path)
    with bare(one) as orders_store, bare(two) as payments_store:
        orders = SQLAlchemyApplicationRecorder(orders_store, events_table_name="some_events")
        payments = SQLAlchemyApplicationRecorder(payments_store, events_table_name="some_events")
        orders.create_table()
        payments.create_table()
        with orders.transaction(commit=True):
            payments.insert_events([stored()])
    assert (counted(one, "some_events"), counted(two, "some_events")) == (1, 0)


def test_a_transaction_of_another_store_cannot_begin_inside_a_write(tmp_path: Path) -> None:
    one, two = _two_files(tmp_path)
    with opened(one) as orders_store, opened(two) as payments_store:
        orders, payments = recorder_of(orders_store), recorder_of(payments_store)
        with orders_store.write():
            with pytest.raises(AnotherTransaction):
                payments.insert_events([stored()])
            with pytest.raises(AnotherTransaction):
                payments.head()
            orders.insert_events([stored()])
        payments.insert_events([stored()])
    assert (counted(one, "orders_events"), counted(two, "orders_events")) == (1, 1)


def test_one_store_may_be_written_while_another_is_read(tmp_path: Path) -> None:
    one, two = _two_files(tmp_path)
    with opened(one) as orders_store, opened(two) as views_store:
        recorder_of(orders_store)
        views = recorder_of(views_store)
        with orders_store.read():
            recorded(views, placed())
        assert views.head() == 1


def test_inner_transactions_join_the_outer_one(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)

        def fail_after_all() -> None:
            with datastore.write() as connection:
                orders.insert_events([stored()])
                assert orders.head() == 1
                with datastore.read() as inner:
                    assert inner is connection
                with datastore.transaction(commit=True) as session:
                    assert session.connection() is connection
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_after_all()
        assert orders.head() == 0


def test_a_write_inside_a_read_is_refused(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.read(), pytest.raises(ProgrammingError):
            orders.insert_events([stored()])


def test_a_read_transaction_commits_nothing(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.read() as connection:
            orders.append(connection, [placed()])
        assert orders.head() == 0


def test_a_failed_inner_write_cannot_be_committed(store_url: str) -> None:
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        taken = uuid4()
        recorded(orders, placed(taken))

        def continue_after_a_conflict() -> None:
            with datastore.write():
                orders.insert_events([stored()])
                with pytest.raises(IntegrityError):
                    orders.insert_events([stored(), stored(taken)])

        with pytest.raises(TransactionFailed) as failed:
            continue_after_a_conflict()
        assert isinstance(failed.value.__cause__, IntegrityError)
        assert orders.head() == 1


def test_a_task_that_was_started_inside_cannot_join(store_url: str) -> None:
    async def place(orders: ApplicationRecorder) -> None:
        orders.insert_events([stored()])

    async def run(datastore: Datastore) -> None:
        orders = recorder_of(datastore)
        with datastore.write():
            task = asyncio.create_task(place(orders))
            with pytest.raises(TransactionNotShared):
                await task
            orders.insert_events([stored()])
        # A task created inside that runs later opens a transaction of its own.
        await asyncio.create_task(place(orders))

    with opened(store_url) as datastore:
        asyncio.run(run(datastore))
        assert recorder_of(datastore).head() == 2


def test_a_task_that_outlives_a_transaction_opens_its_own(store_url: str) -> None:
    async def run(datastore: Datastore) -> None:
        orders = recorder_of(datastore)
        ended = asyncio.Event()

        async def later() -> None:
            await ended.wait()
            orders.insert_events([stored()])

        with datastore.write():
            task = asyncio.create_task(later())
            await asyncio.sleep(0)
        ended.set()
        await task

    with opened(store_url) as datastore:
        asyncio.run(run(datastore))
        assert recorder_of(datastore).head() == 1


def test_a_thread_with_the_context_of_a_transaction_cannot_join(store_url: str) -> None:
    errors: list[Exception] = []

    def place(orders: ApplicationRecorder) -> None:
        try:
            orders.insert_events([stored()])
        except TransactionNotShared as error:
            errors.append(error)

    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        with datastore.write():
            context = contextvars.copy_context()
            thread = threading.Thread(target=context.run, args=(place, orders))
            thread.start()
            thread.join()
        assert len(errors) == 1
        assert orders.head() == 0


CHILDREN = (
    "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
    "CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)",
)


def test_the_library_commits_a_failed_transaction_later(sqlite_store: str) -> None:
    with outside(sqlite_store) as connection:
        for each in CHILDREN:
            connection.exec_driver_sql(each)
    with bare(sqlite_store) as library:
        orders = SQLAlchemyApplicationRecorder(library, events_table_name="some_events")
        orders.create_table()
        with library.engine.connect() as connection:  # type: ignore[union-attr]
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")

        def leave_a_child_without_a_parent() -> None:
            with library.transaction(commit=True) as session:
                orders.insert_events([stored()])
                session.execute(text("INSERT INTO children VALUES (1)"))

        with pytest.raises(IntegrityError):
            leave_a_child_without_a_parent()
        with library.transaction(commit=True) as session:
            session.execute(text("INSERT INTO parents VALUES (1)"))
    assert counted(sqlite_store, "some_events") == 1


@pytest.mark.parametrize("store", ["file", "memory"])
def test_a_failed_commit_leaves_nothing_in_the_connection(store: str, sqlite_store: str) -> None:
    url = sqlite_store if store == "file" else "sqlite:///:memory:"
    with opened(url) as datastore:
        orders = recorder_of(datastore)
        with datastore.write() as connection:
            for each in CHILDREN:
                connection.exec_driver_sql(each)
        kept = datastore.connections.take(commit=False)
        kept.connection.dbapi_connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[union-attr]
        datastore.connections.give_back(kept, has_failed=False)

        def leave_a_child_without_a_parent() -> None:
            with datastore.write() as connection:
                orders.insert_events([stored()])
                connection.exec_driver_sql("INSERT INTO children VALUES (1)")

        with pytest.raises(IntegrityError):
            leave_a_child_without_a_parent()
        with datastore.write() as connection:
            assert not connection.exec_driver_sql("SELECT * FROM children").all()
            connection.exec_driver_sql("INSERT INTO parents VALUES (1)")
        assert orders.head() == 0


def test_errors_of_the_database_are_translated_everywhere(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
        with pytest.raises(DatabaseError) as wrong, datastore.read() as connection:
            connection.exec_driver_sql("SELECT nonsense FROM nowhere")
        assert wrong.value.__cause__ is not None
        with pytest.raises(DatabaseError), datastore.transaction(commit=True) as session:
            session.execute(text("SELECT nonsense FROM nowhere"))
        with pytest.raises(DatabaseError):
            ApplicationRecorder(datastore, events_table_name="missing_events").page(0, 10)


def test_a_connection_killed_inside_a_transaction_is_a_storage_fault(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore)

        def lose_the_connection() -> None:
            with datastore.write() as connection:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                with outside(postgres_store) as other:
                    other.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
                orders.append(connection, [placed()])

        with pytest.raises(OperationalError):
            lose_the_connection()
        recorded(orders, placed())
        assert orders.head() == 1


@pytest.mark.parametrize("writes", [False, True])
def test_a_connection_killed_before_its_transaction_is_replaced(
    postgres_store: str, writes: bool
) -> None:
    killed: list[int] = []

    def kill(driver: Any, *_: object) -> None:
        if not killed:
            killed.append(driver.info.backend_pid)
            with outside(postgres_store) as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({killed[0]}, 5000)")

    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        event.listen(datastore.engine, "checkout", kill)
        with datastore.write() if writes else datastore.read() as connection:
            assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() not in killed
            assert killed
        recorded(orders, placed())
        assert orders.head() == 2


def test_connections_killed_one_after_another_are_replaced(postgres_store: str) -> None:
    killed: list[int] = []

    def kill(driver: Any, *_: object) -> None:
        killed.append(driver.info.backend_pid)
        with outside(postgres_store) as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({killed[-1]}, 5000)")

    with opened(postgres_store) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        with datastore.read() as connection:
            pooled = connection.connection.dbapi_connection
        event.listen(datastore.engine, "connect", kill, once=True)
        kill(pooled)
        recorded(orders, placed())
        assert len(killed) == 2, "the pooled connection, and its replacement"
        assert orders.head() == 2


def test_a_full_pool_is_a_temporary_storage_fault(postgres_store: str) -> None:
    datastore = Datastore(url=postgres_store, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with closing(datastore), ThreadPoolExecutor(1) as another:
        orders = recorder_of(datastore)
        recorded(orders, placed())
        with datastore.read():
            refused = another.submit(recorded, orders, placed())
            with pytest.raises(OperationalError, match=r"connections .* are in use.*0\.1"):
                refused.result()
        assert another.submit(recorded, orders, placed()).result()


def test_writers_of_one_process_queue(sqlite_store: str) -> None:
    with opened(f"{sqlite_store}?timeout=0") as datastore:
        datastore.lock_wait = 60
        orders = recorder_of(datastore)
        threads = [
            threading.Thread(target=lambda: [recorded(orders, placed()) for _ in range(20)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert orders.head() == 160


def test_a_writer_queues_a_limited_time(sqlite_store: str) -> None:
    with opened(f"{sqlite_store}?timeout=0.05") as datastore:
        orders = recorder_of(datastore)
        errors: list[Exception] = []

        def place() -> None:
            try:
                recorded(orders, placed())
            except OperationalError as error:
                errors.append(error)

        with datastore.write():
            thread = threading.Thread(target=place)
            thread.start()
            thread.join()
        assert len(errors) == 1


def test_a_database_locked_by_another_process_is_a_storage_fault(sqlite_store: str) -> None:
    with opened(f"{sqlite_store}?timeout=0.05") as datastore:
        orders = recorder_of(datastore)
        with outside(sqlite_store) as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(OperationalError, match="locked"):
                recorded(orders, placed())
            other.exec_driver_sql("ROLLBACK")
        assert recorded(orders, placed()) == [1]


def test_a_store_is_shared_and_closed_with_its_last_user(store_url: str) -> None:
    one, two = Datastore.open(store_url), Datastore.open(store_url)
    assert one is two
    orders = recorder_of(one)
    one.close()
    recorded(orders, placed())
    two.close()
    with pytest.raises(StoreClosed):
        orders.head()
    with opened(store_url) as again:
        assert again is not one
        assert recorder_of(again).head() == 1


def test_two_spellings_of_a_path_are_one_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///shop.db") as one, opened(f"sqlite:///{tmp_path}/./shop.db") as two:
        assert one is two


def test_stores_in_memory_are_never_shared() -> None:
    for url in ("sqlite://", "sqlite:///:memory:"):
        with opened(url) as one, opened(url) as two:
            recorded(recorder_of(one), placed())
            assert recorder_of(two).head() == 0
