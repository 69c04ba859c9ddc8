"""Statements that read and write many rows of one table at once.

They pass values to the driver column by column. SQLAlchemy's own work for each row costs more than
the database does.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Dialect, Table

from sagaline.errors import RowsLost, RowUnfit
from sagaline.storage.sql.column_values import ColumnValues, UnfitAt
from sagaline.storage.sql.columns import Convert


class Change(NamedTuple):
    """Rows to write with one statement, as driver values; another process may write them.

    `columns` holds a list of values for each of `names`.
    """

    kind: Literal["upsert", "update", "delete"]
    names: list[str]
    columns: list[Any]


class Bulk(ABC):
    """Reads and writes many rows of one table on one kind of database.

    Arguments and results are columns: a list of values for each. Raises `RowUnfit` for a value that
    does not fit its column.
    """

    def __init__(self, table: Table, schema: str | None, dialect: Dialect) -> None:
        quoted = dialect.identifier_preparer
        path = [table.name] if schema is None else [schema, table.name]
        self.qualified_name = ".".join(map(quoted.quote, path))
        self.table_name = table.name
        self.quoted = {each.name: quoted.quote(each.name) for each in table.columns}
        self.key = [each.name for each in table.primary_key.columns]
        self.values = {each.name: ColumnValues(each, dialect) for each in table.columns}
        self.names = list(self.values)
        self.column_list = ", ".join(self.quoted.values())
        others = [self.quoted[each] for each in self.names if each not in self.key]
        self.on_conflict = f"ON CONFLICT ({self.listed(self.key)}) DO " + (
            f"UPDATE SET {', '.join(f'{each} = excluded.{each}' for each in others)}"
            if others
            else "NOTHING"
        )
        self._readers: list[Convert | None] | None = None

    def is_empty(self, connection: Connection) -> bool:
        """Whether the table has no rows."""
        sql = f"SELECT 1 FROM {self.qualified_name} LIMIT 1"
        return connection.exec_driver_sql(sql).first() is None

    @abstractmethod
    def select(self, connection: Connection, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows with these keys, each with its values in the order of the columns."""

    def upserted(self, columns: list[Any]) -> Change:
        """A change that inserts whole rows, or replaces those with the same keys."""
        return Change("upsert", self.names, self.bound(self.names, columns))

    def updated(self, names: list[str], rows: Sequence[Mapping[str, Any]]) -> Change:
        """A change of some columns of existing rows: indexes of other columns stay untouched."""
        written = [*names, *self.key]
        columns = [list(map(itemgetter(name), rows)) for name in written]
        return Change("update", names, self.bound(written, columns))

    def deleted(self, keys: list[Any]) -> Change:
        """A change that deletes the rows with these keys."""
        return Change("delete", self.key, self.bound(self.key, keys))

    def write(self, connection: Connection, change: Change) -> None:
        """Writes a change. Raises `RowsLost` if a row to update does not exist."""
        match change.kind:
            case "upsert":
                self.upsert(connection, change)
            case "update":
                count = self._run(connection, self.update_statement(change.names), change.columns)
                if count != len(change.columns[0]):
                    raise RowsLost(table=self.table_name, count=len(change.columns[0]) - count)
            case "delete":
                self._run(connection, self.delete_statement(), change.columns)

    def upsert(self, connection: Connection, change: Change) -> None:
        """Writes whole rows."""
        self._run(connection, self.upsert_statement(), change.columns)

    @abstractmethod
    def upsert_statement(self) -> str:
        """The INSERT of all columns."""

    @abstractmethod
    def update_statement(self, names: list[str]) -> str:
        """The UPDATE of these columns; its parameters end with those of the key."""

    @abstractmethod
    def delete_statement(self) -> str:
        """The DELETE by key."""

    @abstractmethod
    def parameters(self, bound: list[Any]) -> Any:
        """Columns in the shape in which the driver takes the parameters of a statement."""

    def listed(self, names: Iterable[str]) -> str:
        """The columns' quoted names, separated by commas."""
        return ", ".join(self.quoted[each] for each in names)

    def bound(self, names: list[str], columns: list[Any]) -> list[Any]:
        """The columns with their values converted for the driver. Raises `RowUnfit`."""
        try:
            return [
                self.values[name].bound(values) for name, values in zip(names, columns, strict=True)
            ]
        except UnfitAt as unfit:
            of_key = [columns[names.index(each)][unfit.index] for each in self.key]
            raise RowUnfit(
                table=self.table_name,
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
