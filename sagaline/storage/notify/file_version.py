"""Noticing that another process has written, without reading what."""

from math import inf
from typing import Any

from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql import sqlite
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.sql.errors import raise_translated

LOOK = 0.01
"""Seconds between two looks at a file where nobody tells of what another process writes."""


class FileVersion:
    """Says whether a SQLite file may have changed since it was last asked.

    A hint only: the log decides. It costs some microseconds: `PRAGMA data_version` moves with each
    commit of another connection. While `listener` tells of them by itself, nobody needs to ask.
    """

    def __init__(self, datastore: Datastore, listener: Listener | None = None) -> None:
        self._datastore = datastore
        self._listener = listener
        self._version: Any = None
        self._connection: Any = None

    @property
    def pause(self) -> float:
        """Seconds to the next look."""
        return inf if self._is_told else LOOK

    def changed(self) -> bool:
        """Whether to look into the store."""
        if self._is_told:
            return False
        before, self._version = self._version, self._data_version()
        return bool(self._version != before)

    def close(self) -> None:
        """Lets its connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _is_told(self) -> bool:
        return self._listener is not None and self._listener.is_listening

    def _data_version(self) -> int:
        if self._connection is None:
            self._connection = self._datastore.engine.raw_connection()
        try:
            return sqlite.data_version(self._connection.dbapi_connection)
        except Exception as error:
            raise_translated(error)
            raise
