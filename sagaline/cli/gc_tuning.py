"""Settings of Python's garbage collector for a process that only writes or processes events."""

import gc

YOUNG_OBJECTS = 2_000_000
"""New objects between two collections: more than a runner keeps in memory, so collections are rare.
Reference counts free nearly all objects: of 16,000 orders they leave a thousand to the collector.
Collecting 400,000 objects stops the process for 0.2 s; that was a twelfth of its time."""


def tune_garbage_collector() -> None:
    """Exempt the objects that live until the end of the process: modules, classes, statements.

    For programs only: a library must not change the settings of the process that uses it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
