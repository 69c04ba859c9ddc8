"""Recorders that write a row of `order_list` beside the position, and no events.

By SQLAlchemy and by `eventsourcing.sqlite`; the one for `eventsourcing.postgres` is a module of its
own, because it needs a package that only the extra `bench` has.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.sqlite import SQLiteCursor, SQLiteProcessRecorder
from eventsourcing_sqlalchemy.recorders import SQLAlchemyProcessRecorder
from sqlalchemy import Dialect, bindparam, insert, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement
from typing_extensions import override

from projections.tables import order_list

Row = dict[str, Any]

NEW = (
    "order_id",
    "customer_id",
    "status",
    "total",
    "currency",
    "item_count",
    "placed_at",
    "updated_at",
)
CLOSED = ("status", "reason", "updated_at")

_STATEMENTS = {
    "add": insert(order_list),
    "close": update(order_list)
    .where(order_list.c.order_id == bindparam("of"))
    .values({name: bindparam(name) for name in CLOSED}),
}


class SQLAlchemyOrderList(SQLAlchemyProcessRecorder):
    """By SQLAlchemy. Without events it has no table to lock."""

    @override
    def create_table(self) -> None:
        super().create_table()
        assert self.datastore.engine is not None
        order_list.create(self.datastore.engine, checkfirst=True)

    @override
    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        tracking: Tracking | None = None,
        change: str = "",
        row: Row | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        with self.transaction(commit=True) as session:
            if row is not None:
                session.connection().execute(_STATEMENTS[change], row)
            if tracking is not None:
                self._insert_tracking(session, tracking)
        return None


class SQLiteOrderList(SQLiteProcessRecorder):
    """By `eventsourcing.sqlite`."""

    @override
    def _create_table(self, c: SQLiteCursor) -> None:
        super()._create_table(c)
        for statement in definition(sqlite.dialect()):
            c.execute(statement)

    @override
    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        if kwargs.get("row") is not None:
            c.execute(_SQLITE[kwargs["change"]], _as_text(kwargs["row"]))
        if kwargs.get("tracking") is not None:
            self._insert_tracking(c, kwargs["tracking"])
        return None


def statements(mark: str) -> Mapping[str, str]:
    """By what is changed, as SQL; `mark` is what stands for a value."""
    values = ", ".join(mark.format(name) for name in NEW)
    changed = ", ".join(f"{name} = {mark.format(name)}" for name in CLOSED)
    return {
        "add": f"INSERT INTO order_list ({', '.join(NEW)}) VALUES ({values})",
        "close": f"UPDATE order_list SET {changed} WHERE order_id = {mark.format('of')}",
    }


_SQLITE = statements(":{}")


def definition(dialect: Dialect) -> list[str]:
    """The table and its indexes, as SQL."""
    made: list[DDLElement] = [CreateTable(order_list, if_not_exists=True)]
    made += [CreateIndex(each, if_not_exists=True) for each in order_list.indexes]
    return [str(each.compile(dialect=dialect)) for each in made]


def _as_text(row: Row) -> Row:
    """The values that SQLite has no type for, as the read table has them on SQLite."""
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    return str(value) if isinstance(value, UUID) else _plain(value)


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
