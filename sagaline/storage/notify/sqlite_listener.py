"""Listens for writes to a SQLite file, by Linux's inotify."""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from threading import Event
from typing import Any, Final

from eventsourcing.persistence import PersistenceError
from typing_extensions import override

from sagaline.messaging.backoff import Backoff
from sagaline.storage.notify.file_version import FileVersion
from sagaline.storage.notify.helper_thread import Faults
from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql import sqlite
from sagaline.storage.sql.datastore import Datastore

COMMIT_CHECKS: Final = Backoff(first=0.001, longest=0.05)
"""Pauses between checks whether a write has been committed."""

COMMIT_TIMEOUT = 0.1
"""Seconds of such checks after a write; the runner's own poll finds later commits."""


class SQLiteListener(Listener):
    """Calls `on_change` after commits to the file, those of this process included.

    inotify reports writes, not commits: a commit comes a little later, and another one may follow
    at once. So it checks the file's version for a while after each write. It reads notifications
    only while `resting` is set, including those from before: a busy runner reads the log anyway,
    and would be notified of each page that it writes.
    """

    def __init__(self, datastore: Datastore, on_change: Callable[[], Any], resting: Event) -> None:
        self._resting = resting
        self._path = sqlite.path(datastore.engine.url)
        self._names = {self._path.name, f"{self._path.name}-wal"}
        self._version = FileVersion(datastore)
        super().__init__(on_change)

    @property
    @override
    def faults(self) -> Faults:
        return OSError, PersistenceError  # such as a lack of watches

    @override
    def listen(self) -> None:
        from inotify_simple import INotify, flags

        with closing(INotify()) as notices, closing(self._version):
            # On the directory, because the write-ahead log is created and deleted.
            notices.add_watch(str(self._path.parent), flags.MODIFY | flags.CREATE)
            self._version.changed()
            self.mark_listening()
            checks, deadline = 0, 0.0
            while self.wait(notices.fileno(), COMMIT_CHECKS.pause(checks) if checks else None):
                self._resting.wait()
                if not self._names.isdisjoint(each.name for each in notices.read(timeout=0)):
                    checks, deadline = 1, time.monotonic() + COMMIT_TIMEOUT
                elif checks:
                    checks = checks + 1 if time.monotonic() < deadline else 0
                if self._version.changed():
                    self._on_change()


def can_listen(datastore: Datastore) -> bool:
    """Whether the store is a file, on a system that reports changes to it."""
    return datastore.has_file and sys.platform == "linux"
