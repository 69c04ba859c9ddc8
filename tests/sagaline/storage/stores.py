"""Stores, recorders and rows for the tests of storage."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing_sqlalchemy.datastore import SQLAlchemyDatastore
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SAWarning

from sagaline.storage import Datastore, EventRow, ProcessRecorder


@contextmanager
def opened(url: str, schema: str | None = None) -> Iterator[Datastore]:
    datastore = Datastore.open(url, schema)
    try:
        yield datastore
    finally:
        datastore.close()


@contextmanager
def bare(url: str) -> Iterator[SQLAlchemyDatastore]:
    """A datastore of the library, without the framework."""
    datastore = SQLAlchemyDatastore(url=url)
    with warnings.catch_warnings():
        # It uses one class name for all tracking tables.
        warnings.simplefilter("ignore", SAWarning)
        try:
            yield datastore
        finally:
            datastore.engine.dispose()  # type: ignore[union-attr]


@contextmanager
def outside(url: str) -> Iterator[Connection]:
    """A connection without the framework."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def recorder_of(datastore: Datastore, name: str = "Orders") -> ProcessRecorder:
    recorder = ProcessRecorder(
        datastore,
        events_table_name=f"{name.lower()}_events",
        tracking_table_name=f"{name}_tracking",
    )
    recorder.create_table()
    return recorder


def placed(
    order: UUID | None = None, version: int = 1, topic: str = "Placed", key: str | None = None
) -> EventRow:
    return EventRow(order or uuid4(), version, topic, b"{}", key, "orders:1", 2)


def stored(order: UUID | None = None, version: int = 1) -> StoredEvent:
    return StoredEvent(order or uuid4(), version, "Placed", b"{}")


def recorded(recorder: ProcessRecorder, *rows: EventRow) -> list[int]:
    with recorder.datastore.write() as connection:
        return list(recorder.append(connection, rows).ids)


def counted(url: str, table: str) -> int:
    with outside(url) as connection:
        count: int = connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()
    return count
