"""Hears that another process has written to a SQLite file."""

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from threading import Event
from typing import Any

from typing_extensions import override

from sagaline.storage.notify.listener import Faults, Listener
from sagaline.storage.sql import sqlite
from sagaline.storage.sql.datastore import Datastore

SOON = 0.001
"""Seconds to the first look whether what is being written has been committed."""

LATE = 0.05
"""Seconds between two such looks, when it takes longer."""

LIMIT = 0.1
"""Seconds after the last write in which a commit is looked for; the runner's own look finds it."""


class SQLiteListener(Listener):
    """Calls `heard` when somebody has committed to the file: Linux tells of each write (inotify).

    It is told of writes, and not of commits: these come a little later, and one may come right
    behind another. So it looks for a while after each write. Of what this process writes itself it
    tells too. It listens while `wanted` is set, and tells then of what came before: who is at work
    looks by itself, and would be told of each page that it writes.
    """

    def __init__(self, datastore: Datastore, heard: Callable[[], Any], wanted: Event) -> None:
        self._wanted = wanted
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
            pause: float | None = None
            while self.wait(notices, pause):
                self._wanted.wait()
                if not self._names.isdisjoint(each.name for each in notices.read(timeout=0)):
                    pause, deadline = SOON, time.monotonic() + LIMIT
                elif pause is not None:
                    pause = min(2 * pause, LATE) if time.monotonic() < deadline else None
                if self._is_newer(connection):
                    self._heard()

    def _is_newer(self, connection: sqlite3.Connection) -> bool:
        """Whether somebody has committed since the last look."""
        before, self._version = self._version, sqlite.data_version(connection)
        return self._version != before


def can_listen(datastore: Datastore) -> bool:
    """Whether there is a file, on a system that tells of its changes."""
    return datastore.has_file and sys.platform == "linux"
