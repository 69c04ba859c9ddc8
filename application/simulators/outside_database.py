"""The database in which the simulated outside world keeps its books, beside the shop's.

On SQLite it is a second file, so that the outside world never waits for the shop's lock; on
PostgreSQL it is tables of its own, written in transactions of its own. It shares no code with the
shop's storage, because the shop is judged by what is written here.
"""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import PurePath
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Connection, Engine, StaticPool, Table, create_engine, event, insert
from sqlalchemy.engine import URL, make_url

FEW: Final = 10
"""Rows that are sooner written by a statement for each than by COPY."""

STORE_PATIENCE: Final = 5
"""Seconds that a transaction waits for another process to end its own."""

SILENCE: Final = 3
"""Seconds that a transaction may send nothing; then the server ends it: less than others wait."""

CONNECTION: Final = {
    # By this name the shop's workers end who was stopped in the midst of a COPY.
    "fallback_application_name": "sagaline",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What a connection to PostgreSQL is made with, where the URL does not say: a server, or a machine,
that is gone is noticed after some seconds (the last one is in milliseconds)."""

MOMENT: Final = 0.01
"""Seconds between two attempts on a file that another process has for itself."""

RIGHT_TO_WRITE: Final = 7_305_804_402_134_914_912
"""The advisory lock on PostgreSQL: any number that nobody else uses."""


def add(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Adds rows, each with its values in the order of the columns.

    PostgreSQL gets many by COPY: one statement for each takes eight times as long.
    """
    names = table.c.keys()
    if len(rows) > FEW and connection.dialect.name == "postgresql":
        driver: Any = connection.connection
        statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    elif rows:
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])


def outside_url(store_url: str, schema: str | None = None) -> URL:
    """The store of the outside world that belongs to a shop's store.

    A file has a file beside it; what is in memory stays in memory; a database has it in the same
    schema.

    >>> str(outside_url("sqlite:///data/shop.db"))
    'sqlite:///data/shop.outside.db'
    """
    url = make_url(store_url)
    if url.get_backend_name() != "sqlite":
        return url if schema is None else _searching(url, schema)
    if in_memory(url):
        return make_url("sqlite://")
    path = PurePath(url.database or "")
    return url.set(database=str(path.with_suffix(f".outside{path.suffix}")))


def in_memory(url: URL) -> bool:
    """Whether it lives and dies with its connection."""
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ":memory:"
    return name in (":memory:", "file::memory:") or url.query.get("mode") == "memory"


def engine_of(url: URL) -> Engine:
    """An engine whose transactions exclude each other, over all processes, from their start on."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    arguments = {name: value for name, value in CONNECTION.items() if name not in url.query}
    engine = create_engine(url, pool_size=1, pool_pre_ping=True, connect_args=arguments)
    event.listen(engine, "connect", _set_limits)
    event.listen(engine, "begin", _take_advisory_lock)
    return engine


def _searching(url: URL, schema: str) -> URL:
    """An address whose tables are those of this schema, and no others."""
    quoted = '"' + schema.replace('"', '""') + '"'
    escaped = re.sub(r"([\\\s])", r"\\\1", quoted)
    given = url.query.get("options", ())
    before = [given] if isinstance(given, str) else given
    return url.update_query_dict({"options": " ".join([*before, f"-csearch_path={escaped}"])})


def _sqlite(url: URL) -> Engine:
    arguments = {"timeout": STORE_PATIENCE, "check_same_thread": False}
    if in_memory(url):
        engine = create_engine(url, poolclass=StaticPool, connect_args=arguments)
    else:
        engine = create_engine(url, pool_size=1, connect_args=arguments)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # SQLite itself does not wait for another process that switches at the same time.
    deadline = monotonic() + STORE_PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
        sleep(MOMENT)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_limits(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{STORE_PATIENCE}s'")
        cursor.execute(f"SET statement_timeout = '{2 * STORE_PATIENCE}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{SILENCE}s'")
        cursor.execute("SET synchronous_commit = on")
    connection.commit()


def _take_advisory_lock(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({RIGHT_TO_WRITE})")
