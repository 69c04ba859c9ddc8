"""The connections of a datastore's transactions: a SQLite file keeps one of them at hand."""

from typing import Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

WRITES: Final = "sagaline_write"
"""In the `info` of a connection: whether its next transaction begins as a write."""


class Connected(Protocol):
    """What a datastore says of its connections."""

    engine: Engine
    has_file: bool

    @property
    def is_closed(self) -> bool:
        """Whether the last reference was released."""


class Connections:
    """Gives a connection to each transaction, and takes it back.

    On a SQLite file the connection that came back last goes out next. The pool takes as long as a
    small transaction, and would give another connection, which has to read its pages again.
    """

    def __init__(self, datastore: Connected) -> None:
        self._datastore = datastore
        self._kept: list[Connection] = []

    def take(self, commit: bool) -> Connection:
        """A connection whose transaction begins as a read, or as a write."""
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = self._datastore.engine.connect()
        connection.info[WRITES] = commit
        return connection

    def give_back(self, connection: Connection, has_failed: bool) -> None:
        """Takes a connection back, and rolls back what it has open."""
        if has_failed or self._kept or not self._datastore.has_file:
            return_to_pool(connection)
            return
        connection.rollback()
        self._kept.append(connection)
        if self._datastore.is_closed:
            self.close()

    def close(self) -> None:
        """Returns what is kept to the pool."""
        for connection in self.leave():
            return_to_pool(connection)

    def leave(self) -> list[Connection]:
        """Keeps nothing any more; returns what was kept."""
        kept, self._kept = self._kept, []
        return kept


def return_to_pool(connection: Connection) -> None:
    """Returns a connection to the pool, which rolls back what it has open."""
    try:
        if is_lost(connection):
            # The pool would try to roll back and log the failure at length.
            connection.invalidate()
        connection.close()
    except SQLAlchemyError:
        # The rollback failed, so the server does it; the original error is the one to report.
        connection.invalidate()
        connection.close()


def is_lost(connection: Connection) -> bool:
    """Whether the driver has lost the server, possibly without SQLAlchemy's knowledge."""
    if connection.closed or connection.invalidated:
        return False
    return bool(getattr(connection.connection.dbapi_connection, "closed", False))
