"""What a SQLite connection needs before it can be trusted."""

import os
import sqlite3
from pathlib import Path
from random import random
from time import monotonic, sleep
from typing import cast
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection

PATIENCE = 30.0
"""Seconds to wait for another process's lock, where the URL has no `timeout`."""

CACHE = 16_000
"""KB of pages in memory: the indexes of a long log are written all over."""

CHECKPOINT = 16_000
"""Pages in the log of writes (64 MB) before they are moved to the file. The same pages of indexes
are written again and again: the later they are moved, the fewer times. With SQLite's 1,000 an event
takes a quarter more time, and with 4,000 still a tenth where the log is long."""

DELETED = "FAST"
"""What is deleted is overwritten in pages that are written anyway. Some builds of SQLite (Debian's)
write every page of a table that is dropped once more, full of zeros: a rebuild drops one."""


def is_in_memory(url: URL) -> bool:
    """Whether the database lives and dies with its connection."""
    database = url.database or ""
    return (
        not database
        or ":memory:" in database
        or "mode=memory" in database
        or url.query.get("mode") == "memory"
    )


def path(url: URL) -> Path:
    """Where the file is."""
    name = url.database or ""
    return Path(unquote(name.removeprefix("file:")) if name.startswith("file:") else name)


def may(file: Path, mode: int) -> bool:
    """Whether a file is there (os.F_OK), or may be read or written."""
    # Not by methods of the path: those raise in a directory that may not be looked into.
    return os.access(file, mode, effective_ids=os.access in os.supports_effective_ids)


def untouched(url: URL) -> URL:
    """The same database for a look that changes nothing and leaves nothing behind.

    Where a file could be made, but is not there yet, it is an empty database in memory.
    """
    file = path(url)
    if not may(file, os.F_OK) and may(file.parent, os.W_OK | os.X_OK):
        return URL.create("sqlite")
    # Whoever may write ends what another program has left half done: it moves its log of writes
    # into the file, or takes them back. Whoever may only read leaves a log where there was none.
    half_done = any(may(Path(f"{file}{end}"), os.F_OK) for end in ("-wal", "-journal"))
    uri = url.database if str(url.database).startswith("file:") else f"file:{quote(str(file))}"
    query = {**url.query, "mode": "ro" if half_done else "rw", "uri": "true"}
    return url.set(database=uri, query=query)


def patience(url: URL) -> float:
    """Seconds to wait for a lock."""
    asked = url.query.get("timeout")
    return float(asked) if isinstance(asked, str) else PATIENCE


def configure(raw: sqlite3.Connection, wait: float, in_memory: bool) -> str:
    """Sets up a new connection and returns the journal mode that it really has.

    The driver must not begin transactions: it would do so late, after the first reads.
    """
    raw.isolation_level = None
    raw.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute(f"PRAGMA secure_delete = {DELETED}")
    raw.execute(f"PRAGMA cache_size = -{CACHE}")
    raw.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    return "memory" if in_memory else _journal_mode(raw, wait)


def _journal_mode(raw: sqlite3.Connection, wait: float) -> str:
    mode: str = raw.execute("PRAGMA journal_mode").fetchone()[0]
    return mode if mode == "wal" else _write_ahead(raw, monotonic() + wait)


def _write_ahead(raw: sqlite3.Connection, deadline: float) -> str:
    # SQLite gives up at once, whatever the busy timeout, when two connections change the mode.
    while True:
        try:
            mode: str = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            return mode
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.005 + 0.01 * random())


def begin(connection: Connection, writing: bool) -> None:
    """Begins a transaction, one that writes with the lock that it will need.

    By the driver: SQLAlchemy's own way takes several times as long.
    """
    raw(connection).execute("BEGIN IMMEDIATE" if writing else "BEGIN")


def raw(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


def data_version(connection: sqlite3.Connection) -> int:
    """A number that moves with each commit of another connection; it costs some microseconds."""
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version


def roll_back_leftovers(raw: sqlite3.Connection) -> None:
    """Ends what a failed COMMIT left open, before the next user of the connection commits it."""
    if raw.in_transaction:
        raw.rollback()
