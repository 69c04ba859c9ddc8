"""Calls back when another process has written to a store, in a thread of its own."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from selectors import EVENT_READ
from threading import Event, Thread
from typing import Any, Final

from sagaline.messaging.backoff import Backoff
from sagaline.messaging.logbook import fields, logger_of
from sagaline.storage.sql.descriptor_selector import Selector

log = logger_of(__name__)

LISTEN_BACKOFF: Final = Backoff(first=0.05, longest=5.0)
"""Pauses between attempts to listen again after a failure."""

Faults = type[Exception] | tuple[type[Exception], ...]


class Listener(ABC):
    """Calls `on_change` when another process may have written; its thread sleeps otherwise.

    Each call is a hint, and notifications can get lost. So it also calls `on_change` whenever it
    starts to listen; the caller then reads what was written before.
    """

    def __init__(self, on_change: Callable[[], Any]) -> None:
        self.is_listening = False
        """Whether it receives notifications at present."""
        self._on_change = on_change
        self._stopping = Event()
        self._stop, self._stopped = socket.socketpair()
        self._thread = Thread(target=self._run, name="sagaline-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Asks the thread to stop."""
        self._stopping.set()
        with suppress(OSError):
            self._stop.send(b".")

    def close(self) -> None:
        """Stops the thread, and waits until it has closed its source."""
        self.stop()
        self._thread.join()
        self._stop.close()
        self._stopped.close()

    @abstractmethod
    def listen(self) -> None:
        """Listens until `wait` returns False. It is called again after one of its `faults`."""

    @property
    @abstractmethod
    def faults(self) -> Faults:
        """The errors after which to listen again."""

    def mark_listening(self) -> None:
        """Reports the start of listening, after which no write goes unnoticed."""
        self.is_listening = True
        self._on_change()

    def wait(self, descriptor: int, seconds: float | None = None) -> bool:
        """Waits for input, or for so many seconds; returns False when it has to stop."""
        with Selector() as selector:
            selector.register(descriptor, EVENT_READ)
            selector.register(self._stopped, EVENT_READ)
            selector.select(seconds)
        return not self._stopping.is_set()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self.listen()
                failures = 0
            except self.faults as error:
                self.is_listening = False
                failures += 1
                pause = LISTEN_BACKOFF.pause(failures)
                log.info("Listening again in %.1f s: %s", pause, error, extra=fields(seconds=pause))
                self._stopping.wait(pause)
