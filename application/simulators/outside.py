"""The store of the simulated outside world, beside the shop's store.

On SQLite it is a second file, so that the simulators never wait for the shop's lock. On PostgreSQL
it is tables in the shop's schema, written in transactions of their own. It shares no code with the
shop's storage, because the tests judge the shop by what is written here.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import PurePath
from threading import Lock
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, Engine, MetaData, StaticPool, Table, create_engine, event, insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from application.ports import PortFault

LOCK_TIMEOUT: Final = 5
"""Seconds that a transaction waits for another process to end its own."""

BEGIN: Final = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7305804402134914912)",
}
"""How a transaction starts: as the only writer, over all processes."""

SESSION: Final = {
    # The server's owner may have set others for the role or the database.
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "lock_timeout": f"{LOCK_TIMEOUT}s",
    "statement_timeout": f"{2 * LOCK_TIMEOUT}s",
    "idle_in_transaction_session_timeout": "3s",
    "synchronous_commit": "on",
}
"""The settings of PostgreSQL. It ends a transaction whose process has stopped, before others give
up waiting for it."""

CONNECTION: Final = {
    # The framework finds sessions by this name when it ends those of a stopped process.
    "fallback_application_name": "sagaline",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
"""Defaults of a connection to PostgreSQL, so that a lost server or network is noticed soon."""


class OutsideStore:
    """The tables of one simulator, in the store that belongs to the shop's `store_url`."""

    _locks: ClassVar[defaultdict[URL, Lock]] = defaultdict(Lock)

    def __init__(self, tables: MetaData, store_url: str, schema: str | None = None) -> None:
        url = outside_url(store_url)
        self._tables = tables
        self._engine = _engine(url, schema)
        self._created = False
        # Threads of one process take turns here: SQLite would let them sleep and poll.
        self._lock = self._locks[url]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Opens a transaction with no other writer beside it, and commits it at the end.

        Raises PortFault where the store fails.
        """
        try:
            with self._lock, self._engine.begin() as connection:
                connection.exec_driver_sql(BEGIN[connection.dialect.name])
                if not self._created:
                    self._tables.create_all(connection)
                yield connection
            self._created = True
        except SQLAlchemyError as error:
            raise PortFault(f"the outside store failed: {_cause(error)}") from error

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()


def add(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Inserts rows, each with its values in the order of the columns.

    On PostgreSQL by COPY, because one INSERT for each row takes eight times as long.
    """
    if not rows:
        return
    names = table.c.keys()
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    driver: Any = connection.connection
    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def outside_url(store_url: str) -> URL:
    """The address of the outside store that belongs to a shop's store.

    A file has a file beside it, a store in memory has one in memory, and a database holds both.

    >>> str(outside_url("sqlite:///data/shop.db"))
    'sqlite:///data/shop.outside.db'
    """
    url = make_url(store_url)
    if url.get_backend_name() != "sqlite":
        return url
    name = url.database or ":memory:"
    if name in (":memory:", "file::memory:") or url.query.get("mode") == "memory":
        return make_url("sqlite://")
    path = PurePath(name)
    return url.set(database=str(path.with_suffix(f".outside{path.suffix}")))


def _engine(url: URL, schema: str | None) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _postgres(url, schema)
    arguments = {"timeout": LOCK_TIMEOUT, "check_same_thread": False}
    pool: Any = {"poolclass": StaticPool} if url.database is None else {}
    engine = create_engine(url, connect_args=arguments, **pool)
    event.listen(engine, "connect", _set_pragmas)
    if not pool and url.query.get("mode", "rwc") == "rwc":
        event.listen(engine, "do_connect", partial(_create_private_file, url))
    return engine


def _create_private_file(url: URL, *_: object) -> None:
    """Creates a missing file that only its owner can read and write (SQLite's own mode is 0644)."""
    with suppress(OSError):  # SQLite reports what is wrong
        name = (url.database or "").removeprefix("file:")
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    # Only one process can switch the file to WAL; SQLite refuses it to others meanwhile.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _postgres(url: URL, schema: str | None) -> Engine:
    arguments = {name: value for name, value in CONNECTION.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
    limits = dict(SESSION)
    if schema is not None:
        limits["search_path"] = engine.dialect.identifier_preparer.quote_identifier(schema)

    @event.listens_for(engine, "connect")
    def set_limits(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            for each in limits.items():
                cursor.execute("SELECT set_config(%s, %s, false)", each)
        connection.commit()

    return engine


def _cause(error: SQLAlchemyError) -> str:
    told = getattr(error, "orig", None) or error
    return " ".join(f"{type(told).__name__}: {told}".split())
