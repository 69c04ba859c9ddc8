"""Ctrl-C and SIGTERM: they end a command cleanly, with status 0."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[..., Any]


@contextmanager
def ending() -> Iterator[None]:
    """Inside it a signal ends the program where it stands, by way of every `finally`."""

    def end(*_: Any) -> None:
        # A second one (`timeout` sends two) must not cut short what the first one set off.
        _set(dict.fromkeys(_SIGNALS, signal.SIG_IGN))
        raise SystemExit(0)

    with _handled(end):
        yield


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
