"""The threads that make port calls: as many as are needed, up to a limit."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

IDLE_TIME = 30.0
"""Seconds without work after which a thread ends."""


class CallThreads:
    """Runs functions in threads of its own, each kept for the next function.

    They are daemon threads: a call that hangs does not keep the process from ending.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self._lock = Lock()
        self._count = 0
        self._busy = 0

    def run(self, function: Callable[[], Any]) -> None:
        """Runs a function as soon as a thread is free."""
        with self._lock:
            self._busy += 1
            self._work.put(function)
            is_new = self._count < min(self._busy, self._most)
            self._count += is_new
        if is_new:
            Thread(target=self._run, name="sagaline-port", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                function = self._work.get(timeout=IDLE_TIME)
            except Empty:
                with self._lock:
                    if self._work.empty():
                        self._count -= 1
                        return
                continue
            try:
                function()
            finally:
                with self._lock:
                    self._busy -= 1
