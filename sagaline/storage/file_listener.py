"""Hears that another process has written to a SQLite file."""

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from sagaline.storage import sqlite
from sagaline.storage.listener import Faults, Listener

if TYPE_CHECKING:
    from sagaline.storage.datastore import Datastore

SOON = 0.001
"""Seconds to the first look whether what is being written has been committed."""

LATE = 0.05
"""Seconds between two such looks, when it takes longer."""

LIMIT = 0.1
"""Seconds after which nobody waits for the commit any more: it is found by the next look."""


class FileListener(Listener):
    """Calls `heard` when somebody has committed to the file: Linux tells of each write (inotify).

    Of what this process writes itself it tells too.
    """

    def __init__(self, datastore: "Datastore", heard: Callable[[], Any]) -> None:
        self._path = sqlite.path(datastore.engine.url)
        self._names = {self._path.name, f"{self._path.name}-wal"}
        self._version = 0
        super().__init__(heard)

    @property
    @override
    def faults(self) -> Faults:
        """The system may have no more watches to give, or the file may be gone."""
        return OSError, sqlite3.Error

    @override
    def listen(self) -> None:
        """Listens until it is no longer wanted."""
        from inotify_simple import INotify, flags

        with closing(INotify()) as notices, closing(sqlite3.connect(self._path)) as connection:
            # On the folder, because the log of writes comes and goes.
            notices.add_watch(str(self._path.parent), flags.MODIFY | flags.CREATE)
            self._is_newer(connection)
            self.begin()
            while self.wait(notices):
                if not self._names.isdisjoint(each.name for each in notices.read(timeout=0)):
                    self._await_commit(connection)

    def _await_commit(self, connection: sqlite3.Connection) -> None:
        """Looks until what is being written can be read: it is told of before it is committed."""
        pause, deadline = SOON, time.monotonic() + LIMIT
        while not self._is_newer(connection):
            if self._stopping.wait(pause) or time.monotonic() > deadline:
                return
            pause = min(2 * pause, LATE)
        self._heard()

    def _is_newer(self, connection: sqlite3.Connection) -> bool:
        """Whether somebody has committed since the last look."""
        before, self._version = self._version, sqlite.data_version(connection)
        return self._version != before


def can_listen(datastore: "Datastore") -> bool:
    """Whether there is a file, on a system that tells of its changes."""
    return datastore.has_file and sys.platform == "linux"
