"""A runner in its own process, which says when it was made; it runs until it is told to stop.

    python -m benchmarks.programs.runner STORE

Prints the time of the clock, in seconds since 1970, before anything is opened. All modules are
loaded by then.
"""

import sys
import time
from signal import SIGTERM, signal
from threading import Event

from application.system import system
from sagaline import Runner


def main(store: str) -> None:
    """Runs until nobody wants it any more."""
    stop = Event()
    signal(SIGTERM, lambda *_: stop.set())
    print(time.time(), flush=True)
    with Runner(system, {"SQLALCHEMY_URL": store}):
        stop.wait()


main(*sys.argv[1:])
