"""What finalizers have to do, without any lock."""

import _thread
from collections.abc import Callable
from contextlib import suppress


def do_apart(action: Callable[[], None]) -> None:
    """Does in a thread of its own what acquires locks.

    Python runs a finalizer in whichever thread collects the garbage, between any two instructions:
    that thread may hold the lock already, and would wait for itself. The threads of `threading`
    acquire locks when they start, so this is one of the level below.
    """
    with suppress(RuntimeError):  # the process is ending, which closes everything
        _thread.start_new_thread(action, ())
