"""Hears signals in a thread of its own, whatever the main thread does meanwhile."""

import os
import signal
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from math import inf
from threading import Event, Thread
from time import monotonic
from typing import Any, ClassVar, Final, Self

LATE: Final = (
    b"sagaline: the time to stop is over: what is under way is left, and nothing is lost\n"
)
"""What is printed where the process ends before its program."""

FLUSH_TIMEOUT: Final = 0.5
"""Seconds that the output has to be written when the time is over."""

LIMIT_CHECK_INTERVAL: Final = 0.05
"""Seconds between two checks whether the time is over."""

_END: Final = b"\0"
"""Ends the thread; no signal has this number."""


class SignalWatch:
    """Sets `asked` on the first signal, and ends the process where the program takes too long.

    Python runs a handler in the main thread, between two of its instructions: not while that waits
    for a lock, a store or a long statement. But it writes the number of the signal to a descriptor
    at once, and a thread here waits for that.
    """

    innermost: ClassVar["SignalWatch | None"] = None
    """The watch that hears the signals at present."""

    def __init__(self, signals: Collection[int]) -> None:
        self.asked = Event()
        """Whether a signal has arrived."""
        self.seconds = inf
        """The process ends so many seconds after a signal: by default as the watch around it."""
        self._signals = signals

    def __enter__(self) -> Self:
        self._outer, SignalWatch.innermost = SignalWatch.innermost, self
        if self._outer is not None:
            self.seconds = min(self.seconds, self._outer.seconds)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        SignalWatch.innermost = self._outer

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Has no thread meanwhile: a process forks safely where it has only one."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        self._left = Event()
        self._reads, self._writes = socket.socketpair()
        self._writes.setblocking(False)
        self._thread = Thread(target=self._run, name="sagaline-signals", daemon=True)
        self._thread.start()
        self._before = signal.set_wakeup_fd(self._writes.fileno(), warn_on_full_buffer=False)

    def _stop(self) -> None:
        signal.set_wakeup_fd(self._before)
        self._left.set()
        with suppress(BlockingIOError):  # the buffer is full of signals, so the thread reads
            self._writes.send(_END)
        self._thread.join()
        self._reads.close()
        self._writes.close()

    def _run(self) -> None:
        while (number := self._reads.recv(1)) != _END:
            if number[0] in self._signals:
                self._end_in_time(monotonic())
                return

    def _end_in_time(self, started: float) -> None:
        self.asked.set()
        while not self._left.wait(LIMIT_CHECK_INTERVAL):  # the limit may change meanwhile
            if monotonic() >= started + self.seconds:
                _end_now()


def _end_now() -> None:
    flushing: Any = Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(FLUSH_TIMEOUT)  # what reads the output may have stopped
    os._exit(0)


def _flush() -> None:
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), LATE)
        sys.stdout.flush()
