"""Checks whether another process has written to a SQLite file, without reading its tables."""

from math import inf
from typing import Any

from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql import sqlite
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
        self._datastore = datastore
        self._listener = listener
        self._version: Any = None
        self._connection: Any = None

    @property
    def pause(self) -> float:
        """Seconds to the next check."""
        return inf if self._is_notified else FILE_POLL_INTERVAL

    def changed(self) -> bool:
        """Whether the store may have changed."""
        if self._is_notified:
            return False
        before, self._version = self._version, self._data_version()
        return bool(self._version != before)

    def close(self) -> None:
        """Closes its connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _is_notified(self) -> bool:
        return self._listener is not None and self._listener.is_listening

    def _data_version(self) -> int:
        if self._connection is None:
            self._connection = self._datastore.engine.raw_connection()
        try:
            return sqlite.data_version(self._connection.dbapi_connection)
        except Exception as error:
            raise_translated(error)
            raise
