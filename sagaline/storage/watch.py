"""Noticing that another process has written, without reading what."""

import time
from typing import Any

from sagaline.storage.datastore import Datastore
from sagaline.storage.translation import raise_translated

PAUSE = 0.05
"""Seconds between two looks at a server's log."""


class Watch:
    """Says whether a store may have changed since it was last asked. A hint only: the log decides.

    On SQLite it costs some microseconds: `PRAGMA data_version` moves with each commit of another
    connection. On a server it says yes every now and then.
    """

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._version: Any = None
        self._asked = 0.0
        self._connection: Any = None

    def changed(self) -> bool:
        """Whether to look into the store."""
        if self._datastore.is_sqlite_in_memory_db:
            return False
        if self._datastore.dialect != "sqlite":
            return self._due()
        version = self._data_version()
        changed: bool = version != self._version
        self._version = version
        return changed

    def close(self) -> None:
        """Lets its connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._asked < PAUSE:
            return False
        self._asked = now
        return True

    def _data_version(self) -> int:
        if self._connection is None:
            self._connection = self._datastore.engine.raw_connection()
        cursor = self._connection.cursor()
        try:
            version: int = cursor.execute("PRAGMA data_version").fetchone()[0]
        except Exception as error:
            raise_translated(error)
            raise
        finally:
            cursor.close()
        return version
