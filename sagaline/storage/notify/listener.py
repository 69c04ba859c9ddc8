"""Hears that others have written, before the next look would find it."""

import logging
import select
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Protocol

log = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0
"""Seconds between two attempts to listen."""


Faults = type[Exception] | tuple[type[Exception], ...]


class Source(Protocol):
    """What can be waited for by its descriptor."""

    def fileno(self) -> int:
        """The descriptor."""


class Listener(ABC):
    """Calls `heard` when somebody may have written; it sleeps until then, in a thread of its own.

    A hint only: a notice can get lost. So it also calls when it has just begun to listen, after
    which nothing before it can have been missed.
    """

    def __init__(self, heard: Callable[[], Any]) -> None:
        self.is_listening = False
        """Whether it would hear now."""
        self._heard = heard
        self._stopping = Event()
        self._stop, self._stopped = socket.socketpair()
        self._thread = Thread(target=self._run, name="sagaline-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Asks it to stop."""
        self._stopping.set()
        with suppress(OSError):
            self._stop.send(b".")

    def close(self) -> None:
        """Stops it, and waits until it has let go of what it listens to."""
        self.stop()
        self._thread.join()
        self._stop.close()
        self._stopped.close()

    @abstractmethod
    def listen(self) -> None:
        """Listens until `wait` says no. What it raises of `faults` makes it begin again."""

    @property
    @abstractmethod
    def faults(self) -> Faults:
        """What may happen to who listens."""

    def begin(self) -> None:
        """From here on it hears, and what was before is not missed."""
        self.is_listening = True
        self._heard()

    def wait(self, source: Source, seconds: float | None = None) -> bool:
        """Sleeps until there is something to hear, or for so long; says no where it is to stop."""
        select.select([source, self._stopped], [], [], seconds)
        return not self._stopping.is_set()

    def _run(self) -> None:
        pause = 0.05
        while not self._stopping.is_set():
            try:
                self.listen()
                pause = 0.05
            except self.faults as error:
                self.is_listening = False
                log.info("Listening again in %.1f s: %s", pause, error)
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
