"""Ctrl-C and SIGTERM: they end a command cleanly, with exit status 0, within a set time."""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from threading import Event
from typing import Any, Final

from sagaline.cli.signal_watch import SignalWatch
from sagaline.messaging.interruption import Interrupted

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[..., Any]

RAISE_AGAIN_AFTER = 0.01
"""Seconds after which the exit is raised again where Python discarded it."""

SIGNAL_CHECK_INTERVAL = 0.5
"""Longest wait for input, in seconds, between two checks for a signal."""

STOP_LIMIT: Final = 2.0
"""Seconds after a signal in which a command ends, wherever it stands: the stores lose nothing."""

_ended = Event()
"""Whether a signal has ended this program."""


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """End the program where it stands on a signal, by Interrupted, so that each `finally` runs."""

    def end(*_: Any) -> None:
        # A second signal (`timeout` sends two) must not interrupt what the first one started.
        _set(dict.fromkeys(SIGNALS, signal.SIG_IGN))
        _ended.set()
        raise Interrupted(0)

    try:
        with _handled(end), _raised_again(end):
            yield
    finally:
        _ended.clear()


@contextmanager
def _raised_again(end: Handler) -> Iterator[None]:
    """Raise the exit a second time where Python discarded the first.

    An exception that is raised in a finalizer, or while the garbage collector runs, is only
    reported to `sys.unraisablehook`; it ends nothing.
    """
    report, alarm = sys.unraisablehook, signal.signal(signal.SIGALRM, end)

    def raise_again(ignored: Any) -> None:
        if isinstance(ignored.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, RAISE_AGAIN_AFTER)
        else:
            report(ignored)

    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report
        signal.signal(signal.SIGALRM, alarm)


def ended_by_signal() -> bool:
    """Whether a signal has ended the program, so that errors during the exit are due to it."""
    return _ended.is_set()


def wait_to_read(descriptor: int) -> None:
    """Return when there is something to read.

    The wait has a limit because of a signal that arrives just before `select` sleeps: its handler
    runs only when `select` returns.
    """
    while not select.select([descriptor], [], [], SIGNAL_CHECK_INTERVAL)[0]:
        pass


@contextmanager
def signals_noted() -> Iterator[SignalWatch]:
    """Note a signal, and let the program choose when it ends.

    The handler does nothing: it runs in the main thread, which may hold the lock of the event that
    it would set, and would then wait for itself. The thread of the watch sets the event.
    """
    with SignalWatch(SIGNALS) as watch, _handled(_ignore):
        yield watch


@contextmanager
def signals_deferred() -> Iterator[Event]:
    """Finish the block before a signal ends the program; the event is set meanwhile."""
    with signals_noted() as watch:
        yield watch.asked
    if watch.asked.is_set():
        raise Interrupted(0)


@contextmanager
def signals_limited(seconds: float) -> Iterator[None]:
    """End the process so many seconds after a signal, wherever the program then stands."""
    watch = SignalWatch(SIGNALS)
    watch.seconds = seconds
    with watch:
        yield


def signals_unwatched() -> AbstractContextManager[None]:
    """Have no thread that waits for signals in this block, so that the process may fork."""
    watch = SignalWatch.innermost
    return nullcontext() if watch is None else watch.paused()


def end_process(main: Callable[[], None]) -> None:
    """Run a command line as the main program of a process, and end the process with its status.

    The process ends at once: Python would otherwise free each object of a full memory, one by one,
    which takes seconds after a long run. Signals until then are heard.
    """
    with exit_on_signals(), signals_limited(STOP_LIMIT):
        try:
            main()
            status: Any = 0
        except SystemExit as end:
            status = end.code
        if status is not None and not isinstance(status, int):
            sys.exit(status)
        _set(dict.fromkeys(SIGNALS, signal.SIG_IGN))
        leave(status or 0)


def leave(status: int) -> None:
    """End the process, after the functions that are registered for its end; free no memory."""
    import atexit

    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _ignore(*_: Any) -> None:
    """Do nothing: the watch hears the signal."""


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    _set(dict.fromkeys(SIGNALS, handler))
    try:
        yield
    finally:
        _set(before)


def _set(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
