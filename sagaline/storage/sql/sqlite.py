"""SQLite: the settings of connections, the files behind URLs, and transactions."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from random import random
from time import monotonic, sleep
from typing import cast
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection

from sagaline.storage.sql.lock_waits import begin_write

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's lock if the URL has no `timeout`."""

CACHE_KB = 16_000
"""Kilobytes of pages in memory: new rows change pages all over the indexes of a long log."""

CHECKPOINT_PAGES = 16_000
"""Pages in the write-ahead log (64 MB) before a checkpoint moves them to the file. Writes change
the same index pages again and again, so rarer checkpoints move each page fewer times. With SQLite's
1,000 pages an event takes 25 % more time; with 4,000 still 10 % in a long log."""

SECURE_DELETE = "FAST"
"""Overwrites deleted rows only in pages that are written anyway. Some builds of SQLite (Debian's)
write every page of a dropped table once more, full of zeros, and each rebuild drops a table."""


def is_in_memory(url: URL) -> bool:
    """Whether the database exists only as long as its connection."""
    database = url.database or ""
    return (
        not database
        or ":memory:" in database
        or "mode=memory" in database
        or url.query.get("mode") == "memory"
    )


def path(url: URL) -> Path:
    """The path of the file."""
    name = url.database or ""
    return Path(unquote(name.removeprefix("file:")) if name.startswith("file:") else name)


def may_create(url: URL) -> bool:
    """Whether connecting creates a missing file."""
    return url.query.get("mode", "rwc") == "rwc"


def has_access(file: Path, mode: int) -> bool:
    """Whether a file exists (os.F_OK), or the process may read or write it."""
    # The methods of Path raise in a directory without permission to search.
    return os.access(file, mode, effective_ids=os.access in os.supports_effective_ids)


def read_only_url(url: URL) -> URL:
    """The same database, opened so that reading it changes nothing and leaves no file behind.

    An empty database in memory stands for a file that does not exist yet and could be created.
    """
    file = path(url)
    if not has_access(file, os.F_OK) and has_access(file.parent, os.W_OK | os.X_OK):
        return URL.create("sqlite")
    # A writable connection finishes an interrupted write: it moves another program's write-ahead
    # log into the file, or rolls it back. A read-only one leaves a new log behind if there is none.
    half_done = any(has_access(Path(f"{file}{end}"), os.F_OK) for end in ("-wal", "-journal"))
    uri = url.database if str(url.database).startswith("file:") else f"file:{quote(str(file))}"
    query = {**url.query, "mode": "ro" if half_done else "rw", "uri": "true"}
    return url.set(database=uri, query=query)


def create_private_file(file: Path) -> None:
    """Creates a missing file that only its owner can read and write (SQLite's own mode is 0644).

    SQLite gives the same mode to the files beside it. An existing file is not opened, because
    closing it would release the locks that this process holds on it.
    """
    with suppress(OSError):  # SQLite reports what is wrong
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def busy_timeout(url: URL) -> float:
    """Seconds to wait for a lock."""
    asked = url.query.get("timeout")
    return float(asked) if isinstance(asked, str) else BUSY_TIMEOUT


def configure(raw: sqlite3.Connection, wait: float, in_memory: bool) -> str:
    """Configures a new connection and returns its actual journal mode.

    The driver must not begin transactions, because it does so only after the first reads.
    """
    raw.isolation_level = None
    raw.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute(f"PRAGMA secure_delete = {SECURE_DELETE}")
    raw.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    raw.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return "memory" if in_memory else _journal_mode(raw, wait)


def _journal_mode(raw: sqlite3.Connection, wait: float) -> str:
    mode: str = raw.execute("PRAGMA journal_mode").fetchone()[0]
    return mode if mode == "wal" else _write_ahead(raw, monotonic() + wait)


def _write_ahead(raw: sqlite3.Connection, deadline: float) -> str:
    # SQLite fails at once, despite the busy timeout, when two connections change the mode.
    while True:
        try:
            mode: str = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            return mode
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.005 + 0.01 * random())


def begin_transaction(connection: Connection, writing: bool, wait: float) -> None:
    """Begins a transaction; a write acquires the write lock at once, within `wait` seconds.

    It uses the driver directly: SQLAlchemy takes several times as long.
    """
    if writing:
        begin_write(raw(connection), wait)
    else:
        raw(connection).execute("BEGIN")


def raw(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes with each commit of another connection; takes a few microseconds."""
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version


def roll_back_leftovers(raw: sqlite3.Connection) -> None:
    """Rolls back what a failed COMMIT left open, so that no later transaction commits it."""
    if raw.in_transaction:
        raw.rollback()
