"""Tables are created while many processes start at once."""

from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier

import pytest
from eventsourcing_sqlalchemy.recorders import SQLAlchemyProcessRecorder
from sqlalchemy import event, inspect, select

from sagaline.errors import StoreTooNew
from sagaline.storage import Datastore
from sagaline.storage.sql.postgres import lock_creation
from sagaline.storage.tables.creation import SCHEMA_VERSION, create_tables
from sagaline.storage.tables.schema import metadata, store
from tests.sagaline.small_system import PROCESSES, joined
from tests.sagaline.storage.stores import (
    bare,
    opened,
    outside,
    placed,
    recorded,
    recorder_of,
    stored,
)

STARTS = 8


def start(url: str, barrier: Barrier) -> None:
    with opened(url) as datastore:
        barrier.wait(60)
        recorded(recorder_of(datastore), placed())


def test_many_first_starts_at_once_succeed(store_url: str) -> None:
    barrier = PROCESSES.Barrier(STARTS)
    joined(*[PROCESSES.Process(target=start, args=(store_url, barrier)) for _ in range(STARTS)])
    with opened(store_url) as datastore:
        assert recorder_of(datastore).head() == STARTS


@pytest.mark.parametrize("moment", range(1, 4))
def test_tables_created_by_a_concurrent_start_are_not_foreign(
    postgres_store: str, moment: int
) -> None:
    mine, another = Datastore(url=postgres_store), Datastore(url=postgres_store)
    asked = 0

    def create_them_in_another_start(*_: object) -> None:
        nonlocal asked
        asked += 1
        if asked == moment:
            pool.submit(create_tables, another).result()

    with ThreadPoolExecutor(1) as pool:
        event.listen(mine.engine, "after_cursor_execute", create_them_in_another_start)
        create_tables(mine)
    assert asked >= moment
    mine.close()
    another.close()


QUEUED = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' "
    "AND waitstart < clock_timestamp() - interval '0.2 s'"
)


def test_a_start_waits_longer_for_another_start_than_a_write_does(postgres_store: str) -> None:
    store = Datastore(url=postgres_store, lock_timeout=0.1)
    with outside(postgres_store) as another, ThreadPoolExecutor(1) as pool:
        another.exec_driver_sql("BEGIN")
        lock_creation(another)
        start = pool.submit(recorder_of, store)
        with outside(postgres_store) as server:
            while not (start.done() or server.exec_driver_sql(QUEUED).scalar_one()):
                pass
        another.exec_driver_sql("COMMIT")
        assert start.result().head() == 0
    store.close()


def test_all_tables_are_in_the_schema(postgres_store: str) -> None:
    with opened(postgres_store, "my-shop") as datastore:
        recorded(recorder_of(datastore), placed())
        create_tables(datastore)
    with outside(postgres_store) as connection:
        found = inspect(connection)
        assert found.get_table_names("public") == []
        assert set(found.get_table_names("my-shop")) == {*metadata.tables, "orders_events"}


def test_an_upstream_store_is_adopted_with_its_events(store_url: str) -> None:
    with bare(store_url) as library:
        theirs = SQLAlchemyProcessRecorder(
            library, events_table_name="orders_events", tracking_table_name="orders_tracking"
        )
        theirs.create_table()
        theirs.insert_events([stored()])
    with opened(store_url) as datastore:
        orders = recorder_of(datastore)
        recorded(orders, placed(key="k"))
        first, second = orders.page(0, 10).rows
        assert (first.id, first.key, first.hop) == (1, None, None)
        assert (second.id, second.key, second.hop) == (2, "k", 2)
    with outside(store_url) as connection:
        names = {each["name"] for each in inspect(connection).get_indexes("orders_events")}
        assert {"orders_events_aggregate_idx", "orders_events_key_idx"} <= names


def test_nothing_is_created_in_a_store_of_a_newer_version(store_url: str) -> None:
    with opened(store_url) as datastore:
        create_tables(datastore)
    with outside(store_url) as connection:
        connection.exec_driver_sql("UPDATE store SET version = 2")
        connection.exec_driver_sql("DROP TABLE timers")
    with opened(store_url) as datastore:
        with pytest.raises(StoreTooNew) as newer:
            recorder_of(datastore)
        assert (newer.value.found, newer.value.known) == (2, 1)
    with outside(store_url) as connection:
        tables = inspect(connection).get_table_names()
    assert "timers" not in tables
    assert "orders_events" not in tables


def test_tables_that_were_dropped_are_created_again_in_the_same_process(store_url: str) -> None:
    with opened(store_url) as kept:
        recorded(recorder_of(kept), placed())
        with outside(store_url) as connection:
            for name in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"DROP TABLE {name}")
        with opened(store_url) as again:
            assert again is kept
            assert recorded(recorder_of(again), placed()) == [1]
            with again.read() as connection:
                assert connection.execute(select(store.c.version)).scalar() == SCHEMA_VERSION


def test_one_table_that_was_dropped_is_created_again(store_url: str) -> None:
    with opened(store_url) as datastore:
        recorded(recorder_of(datastore), placed())
        with outside(store_url) as connection:
            connection.exec_driver_sql("DROP TABLE timers")
        assert recorder_of(datastore).head() == 1
        with outside(store_url) as connection:
            assert "timers" in inspect(connection).get_table_names()
