"""Settings of Python's garbage collector for the commands of the terminal."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS_OF_MODULES = 50_000
"""New objects between two collections while modules are imported: nearly all of them stay."""

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


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect rarely, and not at exit: the end of the process frees everything.

    These collections took a third of the time of a short command.
    """
    gc.set_threshold(OBJECTS_OF_MODULES, *gc.get_threshold()[1:])
    try:
        yield
    finally:
        gc.freeze()
