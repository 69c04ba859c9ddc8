"""A log on PostgreSQL."""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from sqlalchemy import Connection, Dialect, Table
from typing_extensions import override

from sagaline.errors import VersionConflict
from sagaline.storage.log.event_log import Log, Row, numbered
from sagaline.storage.log.rows import Appended, EventRow, LogRow, uuid_from
from sagaline.storage.sql.errors import raise_translated
from sagaline.storage.sql.postgres import LOG_LOCKS

if TYPE_CHECKING:
    import psycopg

_TYPES = (
    *("int8", "uuid", "int8", "text", "bytea"),
    *("text", "text", "int4", "text", "text", "int4"),
)

_UNIQUE_VIOLATION = "23505"

_TAKEN = re.compile(r"\(originator_id, originator_version\)=\(([^,]*), (\d+)\)")


class PostgresLog(Log):
    """Appends rows by COPY, with a block of ids from the table's sequence.

    The log's lock is held from before the first id is drawn until the commit, so ids become visible
    in order, and no reader can skip an id that is not committed yet.

    The lock is advisory: every table lock that admits one writer at a time conflicts with a vacuum,
    which would block the log for a second, and be cancelled each time. A weaker table lock excludes
    programs that lock the table itself, as upstream does.
    """

    placeholder = "%s"

    def __init__(self, table: Table, dialect: Dialect) -> None:
        super().__init__(table, dialect)
        quoted = dialect.identifier_preparer.quote_identifier(self.channel)
        table_id = f"{_literal(self.name)}::regclass::oid::int4"
        self._lock = (
            f"SELECT pg_advisory_xact_lock({LOG_LOCKS}, {table_id}); "
            f"LOCK TABLE {self.name} IN ROW EXCLUSIVE MODE; NOTIFY {quoted}; {self.newest}"
        )
        self._copy = f"COPY {self.name} ({self.columns}) FROM STDIN (FORMAT BINARY)"
        self._sequence: str | None = None

    @property
    def channel(self) -> str:
        """The channel that is notified of new rows; the same name as upstream's."""
        return self.table.name.replace(".", "_")

    @override
    def append(self, connection: Connection, rows: Sequence[EventRow]) -> Appended:
        """Appends events in order, with ids from the sequence; an empty batch needs no lock."""
        if not rows:
            return Appended((), self.head(connection))
        try:
            return self._written(_raw(connection).cursor(), rows)
        except Exception as error:
            if getattr(error, "sqlstate", None) == _UNIQUE_VIOLATION:
                self._refuse(error)
            raise_translated(error)
            raise

    @override
    def fetch(self, connection: Connection, sql: str, parameters: Sequence[Any]) -> list[Row]:
        with _raw(connection).cursor(binary=True) as cursor:
            return cursor.execute(cast("Any", sql), parameters).fetchall()

    @override
    def log_rows(self, rows: list[Row]) -> list[LogRow]:
        new = tuple.__new__
        return [new(LogRow, row) for row in rows]

    @override
    def bound(self, originator_id: UUID | str) -> UUID:
        return originator_id if isinstance(originator_id, UUID) else uuid_from(originator_id)

    @override
    def loaded(self, originator_id: UUID) -> UUID:
        return originator_id

    @override
    def among(self, column: str, values: Collection[Any]) -> tuple[str, list[Any]]:
        return f"{column} = ANY(%s)", [list(values)]

    def _written(self, cursor: "psycopg.Cursor[Row]", rows: Sequence[EventRow]) -> Appended:
        with cursor:
            before, ids = self._locked(cursor, len(rows))
            with cursor.copy(cast("Any", self._copy)) as copy:
                copy.set_types(_TYPES)
                for row in numbered(ids, rows):
                    copy.write_row(row)
        return Appended(ids, before)

    def _locked(self, cursor: "psycopg.Cursor[Row]", count: int) -> tuple[int, list[int]]:
        block = f"SELECT nextval({self._ids(cursor)}) FROM generate_series(1, {count})"
        cursor.execute(cast("Any", f"{self._lock}; {block}"))
        _, ((before,),), ids = _results(cursor)
        return before or 0, [id_ for (id_,) in ids]

    def _ids(self, cursor: "psycopg.Cursor[Row]") -> str:
        if self._sequence is None:
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", (self.name,))
            (sequence,) = cursor.fetchall()[0]
            self._sequence = _literal(sequence)
        return self._sequence

    def _refuse(self, error: Any) -> None:
        found = _TAKEN.search(error.diag.message_detail or "")
        if found:
            stream = f"{found[1]} in {self.table.name}"
            raise VersionConflict(stream=stream, version=int(found[2])) from error


def _literal(text: str) -> str:
    return f"'{text.replace(chr(39), chr(39) * 2)}'"


def _results(cursor: "psycopg.Cursor[Row]") -> list[list[Row]]:
    """The rows of each statement that returns rows."""
    found = []
    more: bool | None = True
    while more:
        if cursor.description:
            found.append(cursor.fetchall())
        more = cursor.nextset()
    return found


def _raw(connection: Connection) -> "psycopg.Connection[Row]":
    return cast("psycopg.Connection[Row]", connection.connection.dbapi_connection)
