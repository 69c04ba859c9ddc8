"""Bulk statements on PostgreSQL."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Dialect, Integer, String, Table
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

from sagaline.storage.sql.bulk import Bulk, Change

MIN_COPIED_ROWS: Final = 50
"""Rows from which on COPY is faster: it takes more round trips than an INSERT."""

_COPIED_TYPES: Final = frozenset(
    {16, 17, 20, 21, 23, 25, 114, 701, 1043, 1082, 1114, 1184, 1700, 2950, 3802}
)
"""OIDs of the types that the driver writes unchanged: bool, bytea, int8, int2, int4, text, json,
float8, varchar, date, timestamp, timestamptz, numeric, uuid, jsonb."""

_INTEGER_LIMITS: Final = {21: 2**15, 23: 2**31}
"""Upper bounds of int2 and int4, by OID: the driver truncates wider numbers without an error."""


class PostgresBulk(Bulk):
    """Passes one array for each column, so that a batch of any size is one prepared statement.

    Most whole rows are new, and COPY writes those for half the price. A table stops using COPY
    after a batch with rows that exist already, or if the driver may convert one of its types.
    """

    def __init__(self, table: Table, schema: str | None, dialect: Dialect) -> None:
        super().__init__(table, schema, dialect)
        self._copies = True
        # Per cent signs are doubled only in statements that have parameters.
        name, columns = (
            each.replace("%%", "%") for each in (self.qualified_name, self.column_list)
        )
        self._describe_statement = f"SELECT {columns} FROM {name} LIMIT 0"
        self._copy_statement = f"COPY {name} ({columns}) FROM STDIN (FORMAT BINARY)"
        self._types: list[int] | None = None
        self.arrays = {each.name: _array(each, dialect) for each in table.columns}
        self.same_key = " AND ".join(
            f"t.{self.quoted[each]} = u.{self.quoted[each]}" for each in self.key
        )

    @override
    def select(self, connection: Connection, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
        columns = ", ".join(f"t.{each}" for each in self.quoted.values())
        joined = f"{self.qualified_name} AS t JOIN {self._unnested(self.key)} ON {self.same_key}"
        parameters = self.parameters(self.bound(self.key, keys))
        return self.read(connection, f"SELECT {columns} FROM {joined}", parameters)

    @override
    def upsert(self, connection: Connection, change: Change) -> None:
        if self._copies and len(change.columns[0]) >= MIN_COPIED_ROWS:
            try:
                with connection.begin_nested():
                    return self._copy(connection, change)
            except Exception:
                if connection.invalidated:
                    raise
            # The INSERT raises the usual error again for rows that the database refuses.
            super().upsert(connection, change)
            self._copies = False
        else:
            super().upsert(connection, change)

    @override
    def upsert_statement(self) -> str:
        return (
            f"INSERT INTO {self.qualified_name} ({self.column_list}) "
            f"SELECT {self.column_list} FROM {self._unnested(self.names)} {self.on_conflict}"
        )

    @override
    def update_statement(self, names: list[str]) -> str:
        assignments = ", ".join(f"{self.quoted[each]} = u.{self.quoted[each]}" for each in names)
        rows = self._unnested([*names, *self.key])
        table = f"{self.qualified_name} AS t"
        return f"UPDATE {table} SET {assignments} FROM {rows} WHERE {self.same_key}"

    @override
    def delete_statement(self) -> str:
        rows = self._unnested(self.key)
        return f"DELETE FROM {self.qualified_name} AS t USING {rows} WHERE {self.same_key}"

    @override
    def parameters(self, bound: list[Any]) -> tuple[list[Any], ...]:
        return tuple(map(list, bound))

    def _copy(self, connection: Connection, change: Change) -> None:
        driver: Any = connection.connection.dbapi_connection
        with driver.cursor() as cursor:
            types = self._types_on(cursor)
            if not all(map(_is_copied, types, change.columns)):
                raise ValueError(self.table_name)
            with cursor.copy(self._copy_statement) as copy:
                copy.set_types(types)
                for row in zip(*change.columns, strict=True):
                    copy.write_row(row)

    def _types_on(self, cursor: Any) -> list[int]:
        if self._types is None:
            cursor.execute(self._describe_statement)
            self._types = [each.type_code for each in cursor.description]
        return self._types

    def _unnested(self, names: list[str]) -> str:
        arrays = ", ".join(self.arrays[each] for each in names)
        return f"unnest({arrays}) AS u({self.listed(names)})"


def _array(column: Column[Any], dialect: Dialect) -> str:
    """The placeholder of one array of a column's values, with its cast."""
    type_ = column.type.dialect_impl(dialect)
    while isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    if isinstance(type_, String):
        # A cast to VARCHAR(3) truncates longer text without an error; an assignment refuses it.
        return "%b::TEXT[]"
    kind = dialect.type_compiler_instance.process(type_)
    # Binary is three times as fast, but for integers the driver applies the width of one enum
    # member to all, and truncates the others without an error.
    return f"%s::{kind}[]" if isinstance(type_, Integer) else f"%b::{kind}[]"


def _is_copied(type_: int, values: Sequence[Any]) -> bool:
    limit = _INTEGER_LIMITS.get(type_)
    if limit is None:
        return type_ in _COPIED_TYPES
    given = [each for each in values if each is not None]
    return not given or (-limit <= min(given) and max(given) < limit)
