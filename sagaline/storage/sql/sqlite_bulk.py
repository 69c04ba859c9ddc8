"""Bulk statements on SQLite."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection
from typing_extensions import override

from sagaline.storage.sql.bulk import Bulk

MAX_PARAMETERS: Final = 900
"""Parameters of one SELECT: some builds of SQLite take at most 999."""


class SQLiteBulk(Bulk):
    """Writes one row at a time inside the driver, which keeps the statement prepared."""

    @override
    def select(self, connection: Connection, keys: list[Any]) -> Iterator[tuple[Any, ...]]:
        rows = self.parameters(self.bound(self.key, keys))
        width = len(self.key)
        size = MAX_PARAMETERS // width
        head = f"SELECT {self.column_list} FROM {self.qualified_name} WHERE "
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
    def upsert_statement(self) -> str:
        marks = ", ".join("?" * len(self.names))
        into = f"{self.qualified_name} ({self.column_list})"
        return f"INSERT INTO {into} VALUES ({marks}) {self.on_conflict}"

    @override
    def update_statement(self, names: list[str]) -> str:
        assignments = ", ".join(f"{self.quoted[each]} = ?" for each in names)
        return f"UPDATE {self.qualified_name} SET {assignments} WHERE {self._where()}"

    @override
    def delete_statement(self) -> str:
        return f"DELETE FROM {self.qualified_name} WHERE {self._where()}"

    @override
    def parameters(self, bound: list[Any]) -> list[tuple[Any, ...]]:
        return list(zip(*bound, strict=True))

    def _where(self) -> str:
        return " AND ".join(f"{self.quoted[each]} = ?" for each in self.key)
