"""What others have attached to a read table: rights, views, triggers, indexes, policies, comments.

It belongs to the table's name, so the table that gets the name in a swap gets all of it.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from sagaline.errors import TableNotReplaceable
from sagaline.storage.sql.names import shortened
from sagaline.storage.tables import postgres_attachments, sqlite_attachments
from sagaline.storage.tables.index_names import IndexNames


class Attachment(NamedTuple):
    """Something on a table, and a statement that attaches it to the new table of that name."""

    what: str
    statement: str


def attachments(
    connection: Connection, name: str, successor: str, declared: Collection[str]
) -> list[Attachment]:
    """What is attached to a table, for a successor that will have its name.

    `declared` are the names of the read model's own indexes, which the successor has under other
    names already. Raises TableNotReplaceable where something cannot be moved to another table.
    """
    where: Any = sqlite_attachments
    if _is_postgres(connection):
        where = postgres_attachments
        for what in postgres_attachments.immovable(connection, name):
            raise TableNotReplaceable(view=name, what=what, reason="it would stay on the old table")
    own = IndexNames(declared, shortened(f"{name}__"))
    found = where.movable(connection, name, successor, own)
    return [Attachment(what, statement) for what, statement in found]


def attach(connection: Connection, name: str, found: Collection[Attachment]) -> None:
    """Attaches everything to the table that has the name now. Raises TableNotReplaceable."""
    for each in found:
        try:
            _execute(connection, each.statement)
        except DBAPIError as error:
            if _is_postgres(connection) and isinstance(error, OperationalError):
                raise  # a lock or a connection, which the table has nothing to do with
            reason = str(error.orig).partition("\n")[0]
            raise TableNotReplaceable(view=name, what=each.what, reason=reason) from error


def _execute(connection: Connection, statement: str) -> None:
    is_postgres = _is_postgres(connection)
    connection.exec_driver_sql(statement.replace("%", "%%") if is_postgres else statement)


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
