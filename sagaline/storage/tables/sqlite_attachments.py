"""What others have attached to a table of SQLite: triggers, indexes, and views that read it."""

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sagaline.storage.tables.index_names import IndexNames

_WRITES = (
    "EXPLAIN INSERT INTO {0} DEFAULT VALUES",
    "EXPLAIN UPDATE {0} SET {1} = {1}",
    "EXPLAIN DELETE FROM {0}",
)
"""Statements that compile all triggers of a table, and run none."""


def movable(
    connection: Connection, name: str, successor: str, own: IndexNames
) -> Iterator[tuple[str, str]]:
    """What can be moved, each with the statements that do so after the swap."""
    quote = connection.dialect.identifier_preparer.quote
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type = ?"
    of_table = f"{query} AND tbl_name = ? COLLATE NOCASE"
    for kind in ("index", "trigger"):
        for _, each, sql in connection.exec_driver_sql(of_table, (kind, name)).all():
            if not own.has(each) and _has_columns(connection, successor, each):
                yield f"the {kind} {each}", f"DROP {kind.upper()} {quote(each)}"
                yield f"the {kind} {each}", sql
                if kind == "trigger":
                    column = quote(_columns(connection, successor)[0])
                    for write in _WRITES:
                        yield f"the {kind} {each}", write.format(quote(name), column)
    for _, view, _ in connection.exec_driver_sql(query, ("view",)).all():
        reads = f"EXPLAIN SELECT * FROM {quote(view)}"
        with suppress(DBAPIError):
            connection.exec_driver_sql(reads).close()
            yield f"the view {view}", reads


def _has_columns(connection: Connection, table: str, index: str) -> bool:
    """Whether a table has the columns of an index; a trigger has none."""
    info = "SELECT name FROM pragma_index_info(?) WHERE name IS NOT NULL"
    wanted = connection.exec_driver_sql(info, (index,)).scalars()
    return set(wanted) <= set(_columns(connection, table))


def _columns(connection: Connection, table: str) -> list[str]:
    info = "SELECT name FROM pragma_table_info(?)"
    return list(connection.exec_driver_sql(info, (table,)).scalars())
