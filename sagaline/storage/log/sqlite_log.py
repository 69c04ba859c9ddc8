"""A log on SQLite."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Dialect, Table
from typing_extensions import override

from sagaline.errors import StoreDamaged, VersionConflict
from sagaline.messaging.ids import id_of_bytes
from sagaline.storage.log.event_log import Log, Row, numbered
from sagaline.storage.log.rows import Appended, EventRow, LogRow, uuid_from
from sagaline.storage.sql.checked import shown
from sagaline.storage.sql.errors import raise_translated
from sagaline.storage.sql.sqlite import raw


class SQLiteLog(Log):
    """Appends rows from the id max(id) + 1, which is free: SQLite has one writer at a time."""

    placeholder = "?"

    def __init__(self, table: Table, dialect: Dialect) -> None:
        super().__init__(table, dialect)
        marks = ", ".join("?" * (self.columns.count(",") + 1))
        self._insert = f"INSERT INTO {self.name} ({self.columns}) VALUES ({marks})"
        self._lock = f"UPDATE {self.name} SET id = id WHERE 0"

    @override
    def append(self, connection: Connection, rows: Sequence[EventRow]) -> Appended:
        driver = raw(connection)
        before = 0
        try:
            # Free in the framework's own write transactions. In a transaction that the user began,
            # it excludes other writers before the last id is read.
            driver.execute(self._lock)
            before = driver.execute(self.newest).fetchone()[0] or 0
            ids = range(before + 1, before + 1 + len(rows))
            values = [(i, _bound(o), *row) for i, o, *row in numbered(ids, rows)]
            driver.executemany(self._insert, values)
        except sqlite3.Error as error:
            if _is_taken(error):
                raise self._conflict(driver, before, rows) from error
            raise_translated(error)
            raise
        return Appended(ids, before)

    @override
    def fetch(self, connection: Connection, sql: str, parameters: Sequence[Any]) -> list[Row]:
        return raw(connection).execute(sql, parameters).fetchall()

    @override
    def log_rows(self, rows: list[Row]) -> list[LogRow]:
        new = tuple.__new__
        try:
            return [
                new(LogRow, (i, id_of_bytes(o), v, t, s, k, c, h, a, m, b))
                for i, o, v, t, s, k, c, h, a, m, b in rows
            ]
        except (TypeError, ValueError):
            damaged = next(row for row in rows if not _is_id(row[1]))
            place = f"{self.name}.originator_id, id {damaged[0]}"
            raise StoreDamaged(place=place, value=shown(damaged[1])) from None

    @override
    def bound(self, originator_id: UUID | str) -> bytes:
        return _bound(originator_id)

    @override
    def loaded(self, originator_id: bytes) -> UUID:
        try:
            return id_of_bytes(originator_id)
        except (TypeError, ValueError):
            place = f"{self.name}.originator_id"
            raise StoreDamaged(place=place, value=shown(originator_id)) from None

    @override
    def among(self, column: str, values: Collection[Any]) -> tuple[str, list[Any]]:
        return f"{column} IN ({', '.join('?' * len(values))})", list(values)

    def _conflict(
        self, driver: sqlite3.Connection, before: int, rows: Sequence[EventRow]
    ) -> VersionConflict:
        # The rows before the failed one are in the transaction, so their count is its index.
        row = rows[(driver.execute(self.newest).fetchone()[0] or 0) - before]
        stream = f"{row.originator_id} in {self.table.name}"
        return VersionConflict(stream=stream, version=row.originator_version)


def _bound(originator_id: UUID | str) -> bytes:
    return (originator_id if isinstance(originator_id, UUID) else uuid_from(originator_id)).bytes


def _is_id(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == len(UUID(int=0).bytes)


def _is_taken(error: sqlite3.Error) -> bool:
    return (
        error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE
        and "originator_version" in str(error)
    )
