"""A helper thread that goes on after whatever its work raises."""

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import Final

from sagaline.messaging.backoff import Backoff
from sagaline.messaging.logbook import fields, logger_of

log = logger_of(__name__)

RESTART_BACKOFF: Final = Backoff(first=0.05, longest=5.0)
"""Pauses between attempts at work that fails again and again."""

STOP_TIMEOUT: Final = 1.0
"""Seconds that a stop waits for the thread: it ends with the process in any case."""

Faults = type[Exception] | tuple[type[Exception], ...]


class HelperThread:
    """Runs `work` in a daemon thread, and again after an error, until it is stopped.

    `work` returns once `stopping` is set. One of its `faults` is logged as a line, any other error
    with its traceback: nothing else would tell anybody that the thread no longer does its work.
    """

    def __init__(self, name: str, work: Callable[[], None], faults: Callable[[], Faults]) -> None:
        self.stopping = Event()
        self._work = work
        self._faults = faults
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Asks the thread to end, and waits for that a moment."""
        self.stopping.set()
        with suppress(RuntimeError):  # it was never started
            self._thread.join(STOP_TIMEOUT)

    def _run(self) -> None:
        failures = 0
        while not self.stopping.is_set():
            started = monotonic()
            try:
                self._work()
                failures = 0
            except BaseException as error:
                is_first = monotonic() - started > RESTART_BACKOFF.longest
                failures = 1 if is_first else failures + 1
                self._log(error, RESTART_BACKOFF.pause(failures))
                self.stopping.wait(RESTART_BACKOFF.pause(failures))

    def _log(self, error: BaseException, pause: float) -> None:
        name, extra = self._thread.name, fields(thread=self._thread.name, seconds=pause)
        if isinstance(error, self._faults()):
            log.info("%s goes on in %.1f s: %s", name, pause, error, extra=extra)
        else:
            text = "%s has failed, and goes on in %.1f s: %s"
            log.error(text, name, pause, error, exc_info=error, extra=extra)
