"""Ctrl-C and SIGTERM: they end a command cleanly, with exit status 0."""

import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from sagaline.messaging.interruption import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[..., Any]

RAISE_AGAIN_AFTER = 0.01
"""Seconds after which the exit is raised again where Python discarded it."""

SIGNAL_CHECK_INTERVAL = 0.5
"""Longest wait for input, in seconds, between two checks for a signal."""

_ended = Event()
"""Whether a signal has ended this program."""


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """End the program where it stands on a signal, by Interrupted, so that each `finally` runs."""

    def end(*_: Any) -> None:
        # A second signal (`timeout` sends two) must not interrupt what the first one started.
        _set(dict.fromkeys(_SIGNALS, signal.SIG_IGN))
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


def wait_for(descriptor: int) -> None:
    """Return when there is something to read.

    The wait has a limit because of a signal that arrives just before `select` sleeps: its handler
    runs only when `select` returns.
    """
    while not select.select([descriptor], [], [], SIGNAL_CHECK_INTERVAL)[0]:
        pass


@contextmanager
def signals_noted() -> Iterator[Event]:
    """Set the event on a signal, and let the program choose when it ends."""
    asked = Event()
    with _handled(lambda *_: asked.set()):
        yield asked


@contextmanager
def signals_deferred() -> Iterator[Event]:
    """Finish the block before a signal ends the program; the event is set meanwhile."""
    with signals_noted() as asked:
        yield asked
    if asked.is_set():
        raise SystemExit(0)


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    _set(dict.fromkeys(_SIGNALS, handler))
    try:
        yield
    finally:
        _set(before)


def _set(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
