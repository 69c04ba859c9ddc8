"""Faults of storage that tests cause: full disks, read-only stores, damaged pages."""

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url

from sagaline.storage import Datastore


@contextmanager
def session_setting(datastore: Datastore, sql: str, back: str) -> Iterator[None]:
    """Executes a statement on each connection before it is used, and then another one."""
    # A SQLite file keeps a connection at hand, which is not taken from the pool.
    moment = "begin" if datastore.dialect == "sqlite" else "checkout"

    def execute(statement: str) -> Any:
        def on(found: Any, *_: object) -> None:
            raw: Any = found.connection.dbapi_connection if isinstance(found, Connection) else found
            raw.execute(statement)

        return on

    on, off = execute(sql), execute(back)
    event.listen(datastore.engine, moment, on)
    try:
        yield
    finally:
        event.remove(datastore.engine, moment, on)
        event.listen(datastore.engine, moment, off)


@contextmanager
def full_disk(datastore: Datastore) -> Iterator[None]:
    """A database that may have no page more than it has."""
    with session_setting(
        datastore, "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1073741823"
    ):
        yield


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """This process cannot write behind this byte of any file, as on a disk with bad blocks."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def file_of(url: str) -> Path:
    """The file of a SQLite store."""
    return Path(str(make_url(url).database))


def flip_page(url: str, name: str) -> None:
    """Flips every bit of the first page of a table or an index, and lets nobody keep the old one.

    A commit of another connection makes all of them read their pages again.
    """
    file = file_of(url)
    with closing(sqlite3.connect(file, isolation_level=None)) as outside:
        outside.execute("CREATE TABLE IF NOT EXISTS elsewhere (n)")
        outside.execute("INSERT INTO elsewhere VALUES (1)")
        outside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE"
        (page,) = outside.execute(query, [name]).fetchone()
        (size,) = outside.execute("PRAGMA page_size").fetchone()
        descriptor = os.open(file, os.O_RDWR)
        start = (page - 1) * size
        flipped = bytes(each ^ 0xFF for each in os.pread(descriptor, size, start))
        os.pwrite(descriptor, flipped, start)
        # The descriptor stays open: closing it would release the locks of this process.
