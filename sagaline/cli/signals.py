"""Ctrl-C and SIGTERM: they end a command cleanly, with status 0."""

import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[..., Any]

MOMENT = 0.01
"""Seconds after which a program is ended that a signal could not end where it stood."""

MANY = 4096
"""More signals than there can be at once."""

_wakers: list[socket.socket] = []

_ended = Event()
"""Whether a signal has ended this program."""


@contextmanager
def ending() -> Iterator[None]:
    """Inside it a signal ends the program where it stands, by way of every `finally`."""

    def end(*_: Any) -> None:
        # A second one (`timeout` sends two) must not cut short what the first one set off.
        _set(dict.fromkeys(_SIGNALS, signal.SIG_IGN))
        _ended.set()
        raise SystemExit(0)

    try:
        with _handled(end), _not_in_vain(end), _waking():
            yield
    finally:
        _ended.clear()


@contextmanager
def _not_in_vain(end: Handler) -> Iterator[None]:
    """Ends the program a moment later where a signal came while Python collected garbage.

    What is raised there, or in a finalizer, ends nothing: it is only told.
    """
    told, alarm = sys.unraisablehook, signal.signal(signal.SIGALRM, end)

    def look(ignored: Any) -> None:
        if isinstance(ignored.exc_value, SystemExit):
            signal.setitimer(signal.ITIMER_REAL, MOMENT)
        else:
            told(ignored)

    sys.unraisablehook = look
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = told
        signal.signal(signal.SIGALRM, alarm)


def was_ended() -> bool:
    """Whether a signal has ended the program: what fails on the way out fails for that."""
    return _ended.is_set()


def wait_for(descriptor: int) -> None:
    """Returns when there is something to read.

    A signal ends it, also one that comes in the last moment before it sleeps: the system would let
    it sleep on, because nothing is asleep yet that a signal could wake.
    """
    while True:
        ready, _, _ = select.select([descriptor, *(each.fileno() for each in _wakers)], [], [])
        if descriptor in ready:
            return
        for each in _wakers:
            if each.fileno() in ready:
                each.recv(MANY)  # What the signal set off has been done, and it was not the end.


@contextmanager
def _waking() -> Iterator[None]:
    """Inside it each signal writes a byte, for `wait_for` to find."""
    reads, writes = socket.socketpair()
    writes.setblocking(False)
    with reads, writes:
        before = signal.set_wakeup_fd(writes.fileno(), warn_on_full_buffer=False)
        _wakers.append(reads)
        try:
            yield
        finally:
            _wakers.remove(reads)
            signal.set_wakeup_fd(before)


@contextmanager
def noticing() -> Iterator[Event]:
    """Inside it a signal only sets the event: the program ends when it suits."""
    asked = Event()
    with _handled(lambda *_: asked.set()):
        yield asked


@contextmanager
def undivided() -> Iterator[Event]:
    """What is inside is done as a whole; a signal sets the event, and ends the program after it."""
    with noticing() as asked:
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
