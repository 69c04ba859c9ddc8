"""Runs the parts of a runner so that a store out of reach pauses one of them and stops no other."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from sagaline.messaging.logbook import fields, logger_of
from sagaline.storage.sql.errors import STORAGE_FAULTS

FIRST_STORE_PAUSE = 0.1
"""Seconds until a part is tried again after the first fault of its store."""

log = logger_of(__name__)


class StoreGuard:
    """Runs actions, each under a name, and pauses a name after a fault of its store.

    The pauses double, up to `max_pause` seconds.
    """

    def __init__(self, max_pause: float) -> None:
        self._max_pause = max_pause
        self._pauses: dict[str, _Pause] = {}

    def run(self, name: str, action: Callable[[], Any]) -> bool:
        """Runs an action, unless its name pauses; returns whether it returned something true."""
        last = self._pauses.get(name)
        if last is not None and time.monotonic() < last.until:
            return False
        try:
            moved = bool(action())
        except STORAGE_FAULTS as fault:
            self._pause(name, last, fault)
            return False
        if last is not None:
            del self._pauses[name]
            seconds = round(time.monotonic() - last.since, 3)
            log.warning(_BACK, name, seconds, extra=fields(part=name, seconds=seconds))
        return moved

    def _pause(self, name: str, last: "_Pause | None", fault: Exception) -> None:
        now = time.monotonic()
        pause = FIRST_STORE_PAUSE if last is None else min(last.seconds * 2, self._max_pause)
        self._pauses[name] = _Pause(now + pause, pause, now if last is None else last.since)
        log.warning(_LOST, name, pause, fault, extra=fields(part=name, seconds=pause))


class _Pause(NamedTuple):
    """How long a part pauses, in seconds, and since when its store does not answer."""

    until: float
    seconds: float
    since: float


_LOST = "%s: the store does not answer, again in %.1f s: %s"
_BACK = "%s: the store answers again, after %.1f s"
