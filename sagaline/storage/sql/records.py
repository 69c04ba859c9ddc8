"""The record classes of events tables: upstream's columns and the envelope."""

from threading import Lock
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sagaline.messaging.ids import id_of_bytes
from sagaline.storage.sql.columns import PortableType, reading, uuid_of
from sagaline.storage.sql.names import shortened

ENVELOPE_COLUMNS = ("key", "cause", "hop", "answers", "metadata", "bucket")

BigId = BigInteger().with_variant(Integer(), "sqlite")


def _id_bytes(value: Any) -> bytes | None:
    found = uuid_of(value)
    return None if found is None else found.bytes


class OriginatorId(PortableType):
    """A UUID as upstream stores it: UUID on PostgreSQL, its 16 bytes on SQLite."""

    impl = sa.BINARY
    cache_ok = True
    native = sa.Uuid()
    stored = sa.BINARY(16)
    to_native = staticmethod(uuid_of)
    to_stored = staticmethod(_id_bytes)
    from_stored = staticmethod(reading(id_of_bytes, "OriginatorId"))


class Base(DeclarativeBase):
    """A base of the framework's own: upstream's registry may hold classes of the same names."""


class EventRecord(Base):
    """The columns of an event in upstream's tables."""

    __abstract__ = True

    originator_id: Mapped[UUID]
    originator_version: Mapped[int]
    topic: Mapped[str]
    state: Mapped[bytes]

    @staticmethod
    def indexes(table_name: str) -> list[Index]:
        """The indexes of a table of this kind."""
        return []


class StoredEventRecord(EventRecord):
    """A row of an events table."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    originator_id: Mapped[UUID] = mapped_column(OriginatorId(), nullable=False)
    originator_version: Mapped[int] = mapped_column(BigId, nullable=False)
    topic: Mapped[str] = mapped_column(Text(), nullable=False)
    state: Mapped[bytes] = mapped_column(LargeBinary(), nullable=False)
    key: Mapped[str | None] = mapped_column(Text())
    cause: Mapped[str | None] = mapped_column(Text())
    hop: Mapped[int | None] = mapped_column(Integer())
    answers: Mapped[str | None] = mapped_column(Text())
    # DeclarativeBase has a `metadata` of its own.
    caller_metadata: Mapped[str | None] = mapped_column("metadata", Text())
    bucket: Mapped[int | None] = mapped_column(Integer())

    @staticmethod
    def indexes(table_name: str) -> list[Index]:
        """A unique index of versions, under upstream's name, and an index of keys."""
        aggregate = shortened(f"{table_name}_aggregate_idx")
        return [
            Index(aggregate, "originator_id", "originator_version", unique=True),
            Index(shortened(f"{table_name}_key_idx"), "key"),
        ]


class SnapshotRecord(EventRecord):
    """A row of a snapshots table."""

    __abstract__ = True

    originator_id: Mapped[UUID] = mapped_column(OriginatorId(), primary_key=True)
    originator_version: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    topic: Mapped[str] = mapped_column(Text(), nullable=False)
    state: Mapped[bytes] = mapped_column(LargeBinary(), nullable=False)


_record_classes: dict[tuple[str | None, str], type[EventRecord]] = {}
_defining = Lock()


def record_class(table_name: str, schema: str | None, base: type[EventRecord]) -> type[EventRecord]:
    """The record class of a table, defined on first use."""
    with _defining:
        known = _record_classes.get((schema, table_name))
        if known is None:
            known = _define(table_name, schema, base)
            _record_classes[schema, table_name] = known
    if not issubclass(known, base):
        raise ValueError(f"The table {table_name} already holds records of another kind")
    return known


def _define(table_name: str, schema: str | None, base: type[EventRecord]) -> type[EventRecord]:
    options: dict[str, Any] = {"schema": schema}
    body = {
        "__tablename__": table_name,
        "__table_args__": (*base.indexes(table_name), options),
    }
    # The class is named after schema and table: names in the registry must be unique.
    return type(f"{schema or ''}.{table_name}", (base,), body)


def table_of(record: type[EventRecord]) -> Table:
    """The table behind a record class."""
    table = record.__table__
    assert isinstance(table, Table)
    return table
