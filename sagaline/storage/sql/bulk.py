"""The statements that read and write many rows of a table at once.

They go to the driver column by column, past SQLAlchemy's work for each row, which costs more than
the database does.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ARRAY, Column, Connection, Dialect, Integer, String, Table
from typing_extensions import override

from sagaline.errors import DefinitionError, RowsLost, RowUnfit
from sagaline.storage.sql.columns import ColumnValues, Convert, UnfitAt

PARAMETERS: Final = 900
"""Of one SELECT: some builds of SQLite take 999."""

MANY: Final = 50
"""Rows that are worth COPY: it takes some more journeys to the server than a statement."""

_COPIED: Final = frozenset(
    {16, 17, 20, 21, 23, 25, 114, 701, 1043, 1082, 1114, 1184, 1700, 2950, 3802}
)
"""Types that the driver writes as they are, by PostgreSQL's numbers: bool, bytea, int8, int2, int4,
text, json, float8, varchar, date, timestamp, timestamptz, numeric, uuid, jsonb."""

_LIMITS: Final = {21: 2**15, 23: 2**31}
"""Where int2 and int4 end: of a wider number the driver would write a part, without a word."""


class Change(NamedTuple):
    """Rows that are written alike, as the driver takes them; another process may write them.

    `columns` holds a list of values for each of `names`. `are_plain` says whether all of them are
    of their columns' own types, and of no subclass.
    """

    kind: Literal["upsert", "update", "delete"]
    names: list[str]
    columns: list[Any]
    are_plain: bool


class Bulk(ABC):
    """The rows of one table, many at a time, on one kind of database.

    What is given and what is returned goes by columns: a list of values for each. Raises
    `RowUnfit` for a value that does not fit its column.
    """

    def __init__(self, table: Table, schema: str | None, dialect: Dialect) -> None:
        quoted = dialect.identifier_preparer
        path = [table.name] if schema is None else [schema, table.name]
        self.name = ".".join(map(quoted.quote, path))
        self.title = table.name
        self.quoted = {each.name: quoted.quote(each.name) for each in table.columns}
        self.key = [each.name for each in table.primary_key.columns]
        self.values = {each.name: ColumnValues(each, dialect) for each in table.columns}
        self.all = list(self.values)
        self.every = ", ".join(self.quoted.values())
        rest = [self.quoted[each] for each in self.all if each not in self.key]
        self.on_conflict = f"ON CONFLICT ({self.listed(self.key)}) DO " + (
            f"UPDATE SET {', '.join(f'{each} = excluded.{each}' for each in rest)}"
            if rest
            else "NOTHING"
        )
        self._readers: list[Convert | None] | None = None

    def is_empty(self, connection: Connection) -> bool:
        """Whether the table has no rows."""
        return connection.exec_driver_sql(f"SELECT 1 FROM {self.name} LIMIT 1").first() is None

    @abstractmethod
    def select(self, connection: Connection, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of these keys, each with its values in the order of the columns."""

    def upserted(self, columns: list[Any]) -> Change:
        """Whole rows to be written, whether they are there already or not."""
        bound = self.bound(self.all, columns)
        are_plain = all(each.are_plain for each in self.values.values())
        return Change("upsert", self.all, bound, are_plain)

    def updated(self, names: list[str], rows: Sequence[Mapping[str, Any]]) -> Change:
        """Some columns of rows that are there: the indexes of the others are not touched."""
        written = [*names, *self.key]
        columns = [list(map(itemgetter(name), rows)) for name in written]
        return Change("update", names, self.bound(written, columns), are_plain=False)

    def deleted(self, keys: list[Any]) -> Change:
        """The rows of these keys, to be deleted."""
        return Change("delete", self.key, self.bound(self.key, keys), are_plain=False)

    def write(self, connection: Connection, change: Change) -> None:
        """Writes some rows. Raises `RowsLost` where one that is updated is not there."""
        match change.kind:
            case "upsert":
                self.upsert(connection, change)
            case "update":
                count = self._run(connection, self.updating(change.names), change.columns)
                if count != len(change.columns[0]):
                    raise RowsLost(table=self.title, count=len(change.columns[0]) - count)
            case "delete":
                self._run(connection, self.deleting(), change.columns)

    def upsert(self, connection: Connection, change: Change) -> None:
        """Writes whole rows."""
        self._run(connection, self.upserting(), change.columns)

    @abstractmethod
    def upserting(self) -> str:
        """The INSERT, of all columns."""

    @abstractmethod
    def updating(self, names: list[str]) -> str:
        """The UPDATE of these columns; the key's come after them."""

    @abstractmethod
    def deleting(self) -> str:
        """The DELETE, by key."""

    @abstractmethod
    def parameters(self, bound: list[Any]) -> Any:
        """Columns that are to be written, as the driver takes them with a statement."""

    def listed(self, names: Iterable[str]) -> str:
        """The columns' names, as a list in a statement."""
        return ", ".join(self.quoted[each] for each in names)

    def bound(self, names: list[str], columns: list[Any]) -> list[Any]:
        """The columns with values of the driver's kinds. Raises `RowUnfit`."""
        try:
            return [
                self.values[name].bound(values) for name, values in zip(names, columns, strict=True)
            ]
        except UnfitAt as unfit:
            of_key = [columns[names.index(each)][unfit.index] for each in self.key]
            raise RowUnfit(
                table=self.title,
                key=", ".join(map(str, of_key)),
                column=unfit.column,
                reason=unfit.reason,
            ) from unfit.__cause__

    def read(self, connection: Connection, statement: str, parameters: Any) -> Iterator[Any]:
        """Runs a SELECT of all columns and converts the values."""
        result = connection.exec_driver_sql(statement, parameters)
        if self._readers is None:
            assert result.cursor is not None
            types = [each[1] for each in result.cursor.description]
            self._readers = [
                each.reader(type_) for each, type_ in zip(self.values.values(), types, strict=True)
            ]
        columns = zip(*result.all(), strict=True)
        return zip(
            *(
                values if read is None else map(read, values)
                for read, values in zip(self._readers, columns, strict=False)
            ),
            strict=True,
        )

    def _run(self, connection: Connection, statement: str, bound: list[Any]) -> int:
        return connection.exec_driver_sql(statement, self.parameters(bound)).rowcount


class SQLiteBulk(Bulk):
    """One row at a time inside the driver, which keeps the statement prepared."""

    @override
    def select(self, connection: Connection, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
        rows = self.parameters(self.bound(self.key, keys))
        width = len(self.key)
        size = PARAMETERS // width
        head = f"SELECT {self.every} FROM {self.name} WHERE "
        each = "(" + ", ".join("?" * width) + ")" if width > 1 else "?"
        left = f"({self.listed(self.key)})" if width > 1 else self.listed(self.key)
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            marks = ", ".join([each] * len(chunk))
            among = f"(VALUES {marks})" if width > 1 else f"({marks})"
            yield from self.read(
                connection, f"{head}{left} IN {among}", tuple(chain.from_iterable(chunk))
            )

    @override
    def upserting(self) -> str:
        marks = ", ".join("?" * len(self.all))
        return f"INSERT INTO {self.name} ({self.every}) VALUES ({marks}) {self.on_conflict}"

    @override
    def updating(self, names: list[str]) -> str:
        what = ", ".join(f"{self.quoted[each]} = ?" for each in names)
        return f"UPDATE {self.name} SET {what} WHERE {self._where()}"

    @override
    def deleting(self) -> str:
        return f"DELETE FROM {self.name} WHERE {self._where()}"

    @override
    def parameters(self, bound: list[Any]) -> list[tuple[Any, ...]]:
        return list(zip(*bound, strict=True))

    def _where(self) -> str:
        return " AND ".join(f"{self.quoted[each]} = ?" for each in self.key)


class PostgresBulk(Bulk):
    """One array for each column, so that a batch of any size is one prepared statement.

    Whole rows are nearly always new ones, which COPY writes for half the price. It is given up for
    a table that has had one already, or that has types which the driver may change on the way.
    """

    def __init__(self, table: Table, schema: str | None, dialect: Dialect) -> None:
        super().__init__(table, schema, dialect)
        self._copies = True
        # Signs of per cent are doubled only for statements that have parameters.
        name, every = (each.replace("%%", "%") for each in (self.name, self.every))
        self._looking = f"SELECT {every} FROM {name} LIMIT 0"
        self._copying = f"COPY {name} ({every}) FROM STDIN (FORMAT BINARY)"
        self._types: list[int] | None = None
        self.arrays = {each.name: _array(each, dialect) for each in table.columns}
        self.same = " AND ".join(
            f"t.{self.quoted[each]} = u.{self.quoted[each]}" for each in self.key
        )

    @override
    def select(self, connection: Connection, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
        every = ", ".join(f"t.{each}" for each in self.quoted.values())
        statement = (
            f"SELECT {every} FROM {self.name} AS t JOIN {self._given(self.key)} ON {self.same}"
        )
        return self.read(connection, statement, self.parameters(self.bound(self.key, keys)))

    @override
    def upsert(self, connection: Connection, change: Change) -> None:
        if self._copies and len(change.columns[0]) >= MANY:
            try:
                with connection.begin_nested():
                    return self._copy(connection, change)
            except Exception:
                if connection.invalidated:
                    raise
            # What COPY refuses is refused again here, in the same words as ever.
            super().upsert(connection, change)
            self._copies = False
        else:
            super().upsert(connection, change)

    @override
    def upserting(self) -> str:
        return (
            f"INSERT INTO {self.name} ({self.every}) "
            f"SELECT {self.every} FROM {self._given(self.all)} {self.on_conflict}"
        )

    @override
    def updating(self, names: list[str]) -> str:
        what = ", ".join(f"{self.quoted[each]} = u.{self.quoted[each]}" for each in names)
        given = self._given([*names, *self.key])
        return f"UPDATE {self.name} AS t SET {what} FROM {given} WHERE {self.same}"

    @override
    def deleting(self) -> str:
        return f"DELETE FROM {self.name} AS t USING {self._given(self.key)} WHERE {self.same}"

    @override
    def parameters(self, bound: list[Any]) -> tuple[list[Any], ...]:
        return tuple(map(list, bound))

    def _copy(self, connection: Connection, change: Change) -> None:
        raw: Any = connection.connection.dbapi_connection
        with raw.cursor() as cursor:
            types = self._types_on(cursor)
            if not (change.are_plain and all(map(_is_copied, types, change.columns))):
                raise ValueError(self.title)
            with cursor.copy(self._copying) as copy:
                copy.set_types(types)
                for row in zip(*change.columns, strict=True):
                    copy.write_row(row)

    def _types_on(self, cursor: Any) -> list[int]:
        if self._types is None:
            cursor.execute(self._looking)
            self._types = [each.type_code for each in cursor.description]
        return self._types

    def _given(self, names: list[str]) -> str:
        arrays = ", ".join(self.arrays[each] for each in names)
        return f"unnest({arrays}) AS u({self.listed(names)})"


def bulk_of(table: Table, connection: Connection) -> Bulk:
    """A table's rows on the database, and in the schema, of this connection."""
    schemas = connection.get_execution_options().get("schema_translate_map", {})
    return _bulk(table, schemas.get(table.schema, table.schema), connection.dialect)


@lru_cache(1_000)
def _bulk(table: Table, schema: str | None, dialect: Dialect) -> Bulk:
    # Kept, because to word its statements takes longer than to run them on a few rows.
    kind = PostgresBulk if dialect.name == "postgresql" else SQLiteBulk
    return kind(table, schema, dialect)


def _array(column: Column[Any], dialect: Dialect) -> str:
    """One array of a column's values, as a parameter of a statement."""
    if isinstance(column.type, ARRAY):
        raise DefinitionError(
            where=f"{column.table.name}.{column.name}",
            problem="arrays of rows with arrays inside are not written",
            cure="Make it a JSON column, or a table of its own.",
        )
    if isinstance(column.type, String):
        # A cast to VARCHAR(3) would cut a longer text without a word; an assignment refuses it.
        return "%b::TEXT[]"
    kind = dialect.type_compiler_instance.process(column.type)
    # In binary, which is three times as fast, the driver takes the width of one member of an
    # enumeration for that of all, and cuts the others without a word.
    return f"%s::{kind}[]" if isinstance(column.type, Integer) else f"%b::{kind}[]"


def _is_copied(type_: int, values: Sequence[Any]) -> bool:
    limit = _LIMITS.get(type_)
    if limit is None:
        return type_ in _COPIED
    given = [each for each in values if each is not None]
    return not given or (-limit <= min(given) and max(given) < limit)
