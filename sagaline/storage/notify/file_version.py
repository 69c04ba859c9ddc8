"""Checks whether another process has written to a SQLite file, without reading its tables."""

import sqlite3
from math import inf
from threading import Lock

from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql import forks, sqlite
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.sql.errors import raise_translated

FILE_POLL_INTERVAL = 0.01
"""Seconds between two checks of a file without notifications."""


class FileVersion:
    """Checks whether a SQLite file may have changed since the last check.

    The result is a hint. A check takes a few microseconds: `PRAGMA data_version` changes with each
    commit of another connection. No checks are needed while `listener` receives notifications.
    """

    def __init__(self, datastore: Datastore, listener: Listener | None = None) -> None:
        self._path = sqlite.path(datastore.engine.url)
        self._address = datastore.address
        self._listener = listener
        self._version: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        forks.join(self)

    @property
    def pause(self) -> float:
        """Seconds to the next check."""
        return inf if self._is_notified else FILE_POLL_INTERVAL

    def changed(self) -> bool:
        """Whether the store may have changed."""
        if self._is_notified:
            return False
        try:
            with self._lock:
                before, self._version = self._version, sqlite.data_version(self._opened())
        except sqlite3.Error as error:
            raise_translated(error, self._address)
            raise
        return self._version != before

    def close(self) -> None:
        """Closes its connection."""
        with self._lock:
            self._drop()

    def before_fork(self) -> None:
        """Closes its connection, and opens none before the process has forked."""
        self._lock.acquire()
        self._drop()

    def after_fork_in_parent(self) -> None:
        """May open a connection again."""
        self._lock.release()

    after_fork_in_child = after_fork_in_parent

    @property
    def _is_notified(self) -> bool:
        return self._listener is not None and self._listener.is_listening

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # A fork closes it in whichever thread forks.
            self._connection = sqlite3.connect(self._path, check_same_thread=False)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        # The versions of two connections cannot be compared.
        self._connection = self._version = None
