"""Names the classes of a script as an import of its file names them.

Stores name classes by their modules. In a script (``python shop.py``) the module is `__main__`,
which no other program can import: its store would be of no use to one that imports `shop`.
"""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from eventsourcing.utils import _topic_cache, register_topic

_SCRIPTS = ("__main__", "__mp_main__")
"""The modules of a script, the second in a process that `multiprocessing` has started."""


def name_as_imported(module: str, *parts: type) -> None:
    """Gives all that a script has defined so far, and `parts`, the module of an import (`shop`).

    The former topics of classes stay known, so that the script reads what it has recorded under
    them. It does nothing for other modules, nor where no import finds the script, as in an
    interactive session.
    """
    script = sys.modules.get(module)
    if module not in _SCRIPTS or script is None:
        return
    name = _import_name(script)
    if name is not None and sys.modules.setdefault(name, script) is script:
        for each in _defined([*parts, *vars(script).values()]):
            each.__module__ = name
            topic = f"__main__:{each.__qualname__}"
            if isinstance(each, type) and topic not in _topic_cache:
                register_topic(topic, each)


def has_no_module(cls: type) -> bool:
    """Whether no import finds a class."""
    return cls.__module__ in _SCRIPTS


def warn_of_script(cls: type, store: str) -> None:
    """Warns that a store will name the events of a class by `__main__`."""
    warnings.warn(
        f"{cls.__qualname__} is defined in no module: no other program can read its events in"
        f" {store}. Define it in a file of its own, and import that.",
        stacklevel=2,
    )


def _import_name(script: ModuleType) -> str | None:
    """The name by which an import finds a script; None where there is none."""
    if script.__spec__ is not None:  # python -m
        return script.__spec__.name
    file = getattr(script, "__file__", None)
    name = Path(file).stem if file else ""
    return name if name.isidentifier() and name not in _SCRIPTS else None


def _defined(found: list[Any]) -> Iterator[type | FunctionType]:
    """The classes and functions of a script among these values, and in its classes."""
    for each in found:
        if isinstance(each, type | FunctionType) and each.__module__ in _SCRIPTS:
            yield each
            yield from _defined(list(vars(each).values()))
