"""Waits for a lock of a store that can be cut short: those of a thread that has to stop."""

import sqlite3
from contextlib import suppress
from contextvars import ContextVar
from math import inf
from threading import Lock
from time import monotonic
from typing import Any, Final

from sqlalchemy import Connection

WAIT_SLICE: Final = 0.25
"""Seconds of one wait of a thread with a limit; then it looks whether the limit is reached."""

CANCEL_TIMEOUT: Final = 0.5
"""Seconds that a server has to accept the cancellation of a statement."""


class WaitLimit:
    """When waits for locks have to end, on the monotonic clock: never, until somebody sets it."""

    def __init__(self) -> None:
        self.at = inf


_limit: ContextVar[WaitLimit | None] = ContextVar("sagaline_wait_limit", default=None)


def limit_waits(limit: WaitLimit | None) -> None:
    """Has the waits of this thread end at a limit, from now on."""
    _limit.set(limit)


def acquire(lock: Lock, seconds: float) -> bool:
    """Acquires a lock of this process; returns whether it was free within so many seconds."""
    limit, end = _limit.get(), monotonic() + seconds
    if limit is None:
        return lock.acquire(timeout=seconds)
    while not lock.acquire(timeout=max(0.0, min(WAIT_SLICE, end - monotonic()))):
        if monotonic() >= min(end, limit.at):
            return False
    return True


def begin_write(raw: sqlite3.Connection, seconds: float) -> None:
    """Acquires the write lock of a SQLite file, within so many seconds.

    SQLite's own wait ends for nobody, so a thread with a limit waits in slices.
    """
    if _limit.get() is None:
        raw.execute("BEGIN IMMEDIATE")
        return
    raw.execute(f"PRAGMA busy_timeout = {int(min(WAIT_SLICE, seconds) * 1000)}")
    try:
        _begin_in_slices(raw, monotonic() + seconds)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def cancel_statement(connection: Connection) -> None:
    """Cancels what another thread waits for on a connection."""
    with suppress(Exception):  # it may end meanwhile, and the server may be gone
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.name == "sqlite":
            driver.interrupt()
        else:
            driver.cancel_safe(timeout=CANCEL_TIMEOUT)


def _begin_in_slices(raw: sqlite3.Connection, end: float) -> None:
    limit = _limit.get()
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or monotonic() >= min(end, limit.at if limit else inf):
                raise
