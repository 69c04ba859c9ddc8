"""Noticing that another process has written, without reading what."""

import time
from typing import Any

from sagaline.storage.datastore import Datastore
from sagaline.storage.listener import Listener
from sagaline.storage.translation import raise_translated

LOOK = 0.01
"""Seconds between two looks at a SQLite file where nobody tells of what another process writes."""

FALLBACK = 1.0
"""Seconds between two looks where a listener tells of it: what it tells may get lost."""


class Watch:
    """Says whether a store may have changed since it was last asked. A hint only: the log decides.

    On SQLite it costs some microseconds: `PRAGMA data_version` moves with each commit of another
    connection. On a server it says yes every now and then. `listener` tells of writes by itself.
    """

    def __init__(self, datastore: Datastore, listener: Listener | None = None) -> None:
        self._datastore = datastore
        self._listener = listener
        self._version: Any = None
        self._asked = 0.0
        self._connection: Any = None
        in_memory = datastore.is_sqlite_in_memory_db
        self._looks = datastore.dialect == "sqlite" and not in_memory

    @property
    def pause(self) -> float:
        """Seconds to the next look."""
        is_told = self._listener is not None and self._listener.is_listening
        return LOOK if self._looks and not is_told else FALLBACK

    def changed(self) -> bool:
        """Whether to look into the store."""
        if self._datastore.is_sqlite_in_memory_db:
            return False
        if not self._looks:
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
        if now - self._asked < FALLBACK:
            return False
        self._asked = now
        return True

    def _data_version(self) -> int:
        if self._connection is None:
            self._connection = self._datastore.engine.raw_connection()
        try:
            found = self._connection.dbapi_connection.execute("PRAGMA data_version").fetchone()
        except Exception as error:
            raise_translated(error)
            raise
        version: int = found[0]
        return version
