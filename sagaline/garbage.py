"""Python's garbage collector, in a process that only takes commands in, or passes events on."""

import gc

YOUNG = 400_000
"""New objects between two collections. A message lives for some thousands of objects: with
Python's 700 it is taken for old by then, and to look through the old ones takes longest. With
50,000 the collector takes a twelfth of the time of a runner whose orders have many lines."""


def leave_in_peace() -> None:
    """Spares the collector what stays until the end of the process: modules, classes, statements.

    For programs only: it is not for a library to set up the process that it is used in.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)
