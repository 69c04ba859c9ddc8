"""What an idle runner waits for: a notice, a changed file, a due timer, or the next poll."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Event

from sagaline.runner.bootstrap import OpenedSystem
from sagaline.runner.store_guard import StoreGuard
from sagaline.storage import Datastore
from sagaline.storage.notify.file_version import FileVersion
from sagaline.storage.notify.listener import Listener
from sagaline.storage.notify.postgres_listener import PostgresListener
from sagaline.storage.notify.sqlite_listener import SQLiteListener, can_listen


class IdleWait:
    """Waits until the stores may have changed, at most `interval` seconds.

    `wake` ends a wait: a commit in this process sets it, and so does a notice of a commit in any
    process, where the store sends one. SQLite files are also watched by their version.
    """

    def __init__(
        self,
        opened: OpenedSystem,
        now: Callable[[], datetime],
        wake: Event,
        guard: StoreGuard,
        interval: float,
    ) -> None:
        self._now = now
        self._wake = wake
        self._guard = guard
        self._interval = interval
        self._waiting = Event()
        self._listeners = _listeners(opened, wake, self._waiting)
        files = [each for each in opened.datastores if each.has_file]
        self._versions = [FileVersion(each, self._listeners.get(each)) for each in files]

    def wait(self, next_due: float, longest: float) -> None:
        """Waits for a wake-up, a changed file, `next_due` (seconds since 1970), or the poll.

        It waits `longest` seconds at most.
        """
        longest = max(0.0, min(self._interval, longest))
        until = time.monotonic() + longest
        self._waiting.set()
        while not self._wake.wait(min(self._nap(next_due), longest)) and time.monotonic() < until:
            is_due = self._now().timestamp() >= next_due
            if is_due or self._guard.run("watch", self._is_changed):
                break
        self._waiting.clear()
        self._wake.clear()

    def close(self) -> None:
        """Stops listening, and closes the connections for it."""
        self._waiting.set()
        for listener in self._listeners.values():
            listener.close()
        for version in self._versions:
            version.close()

    def _nap(self, next_due: float) -> float:
        """Seconds until the next check."""
        due = next_due - self._now().timestamp()
        return max(0.0, min(self._interval, due, *(each.pause for each in self._versions)))

    def _is_changed(self) -> bool:
        changed = [each.changed() for each in self._versions]
        return any(changed)


def _listeners(opened: OpenedSystem, wake: Event, waiting: Event) -> dict[Datastore, Listener]:
    channels: dict[Datastore, list[str]] = {}
    for app in opened.apps.values():
        if app.datastore.dialect == "postgresql":
            channels.setdefault(app.datastore, []).append(app.recorder.channel_name)
    listeners: dict[Datastore, Listener] = {
        datastore: PostgresListener(datastore, names, wake.set)
        for datastore, names in channels.items()
    }
    files = (each for each in opened.datastores if can_listen(each))
    return {**listeners, **{each: SQLiteListener(each, wake.set, waiting) for each in files}}
