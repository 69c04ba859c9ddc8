"""Runs the parts of a runner so that a store out of reach pauses one of them and stops no other."""

import logging
import time
from collections.abc import Callable
from typing import Any

from sagaline.messaging.backoff import Backoff
from sagaline.storage.sql.errors import STORAGE_FAULTS

FIRST_STORE_PAUSE = 0.1
"""Seconds until a part is tried again after the first fault of its store."""

log = logging.getLogger(__name__)


class StoreGuard:
    """Runs actions, each under a name, and pauses a name after a fault of its store.

    The pauses double, up to `max_pause` seconds.
    """

    def __init__(self, max_pause: float) -> None:
        self._backoff = Backoff(FIRST_STORE_PAUSE, max_pause)
        self._pauses: dict[str, tuple[float, int]] = {}
        self.current = ""
        """The name of the action under way, or of the last one."""

    def run(self, name: str, action: Callable[[], Any]) -> bool:
        """Runs an action, unless its name pauses; returns whether it returned something true."""
        until, failures = self._pauses.get(name, (0.0, 0))
        if time.monotonic() < until:
            return False
        self.current = name
        try:
            moved = bool(action())
        except STORAGE_FAULTS as fault:
            pause = self._backoff.pause(failures + 1)
            self._pauses[name] = (time.monotonic() + pause, failures + 1)
            log.warning("%s: the store does not answer, again in %.1f s: %s", name, pause, fault)
            return False
        if self._pauses.pop(name, None):
            log.warning("%s: the store answers again", name)
        return moved
