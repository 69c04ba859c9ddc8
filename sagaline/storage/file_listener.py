"""Hears that another process has written to a SQLite file."""

import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from sagaline.storage import sqlite
from sagaline.storage.listener import Listener

if TYPE_CHECKING:
    from sagaline.storage.datastore import Datastore

GATHER = 0.002
"""Seconds in which commits that follow closely are heard as one."""


class FileListener(Listener):
    """Calls `heard` when the file, or its log of writes, has changed: Linux tells (inotify).

    Of what this process writes itself it tells too.
    """

    def __init__(self, datastore: "Datastore", heard: Callable[[], Any]) -> None:
        file = sqlite.path(datastore.engine.url)
        self._folder = str(file.parent)
        self._names = {file.name, f"{file.name}-wal"}
        super().__init__(heard)

    @property
    @override
    def faults(self) -> type[Exception]:
        """The system may have no more watches to give."""
        return OSError

    @override
    def listen(self) -> None:
        """Listens until it is no longer wanted."""
        from inotify_simple import INotify, flags

        with closing(INotify()) as notices:
            # On the folder, because the log of writes comes and goes.
            notices.add_watch(self._folder, flags.MODIFY | flags.CREATE)
            self.begin()
            while self.wait(notices):
                if not self._names.isdisjoint(each.name for each in notices.read(timeout=0)):
                    self._heard()
                self._stopping.wait(GATHER)


def can_listen(datastore: "Datastore") -> bool:
    """Whether there is a file, on a system that tells of its changes."""
    is_file = datastore.dialect == "sqlite" and not datastore.is_sqlite_in_memory_db
    return is_file and sys.platform == "linux"
