"""Python's garbage collector, in a process that only takes commands in, or passes events on."""

import gc

YOUNG = 2_000_000
"""New objects between two collections: more than a runner has in memory, so there is hardly one.
Nearly all objects go without the collector: 16,000 orders leave a thousand to it. To look through
400,000 takes it 0.2 s, while everybody waits; that was a twelfth of the time."""


def leave_in_peace() -> None:
    """Spares the collector what stays until the end of the process: modules, classes, statements.

    For programs only: it is not for a library to set up the process that it is used in.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)
