"""Exceptions that end a program: which of them are meant for the process, and not for an event."""

from threading import current_thread, main_thread


class Interrupted(SystemExit):
    """A signal ends the program."""


def raise_interruption(error: BaseException) -> None:
    """Raises an exception again if it came from outside of the code that it was raised in.

    Python runs the handlers of signals in the main thread alone. So what a handler, a projection or
    a step of a saga raises elsewhere is its own doing, SystemExit and KeyboardInterrupt included.
    """
    is_ctrl_c = isinstance(error, KeyboardInterrupt) and current_thread() is main_thread()
    if is_ctrl_c or isinstance(error, Interrupted):
        raise error
