"""The fingerprint of a read model: it changes when the code would produce other rows."""

from hashlib import sha256
from types import FunctionType
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from sagaline.read_model.coverage import Coverage
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.former_fingerprint import former_fingerprint

PREFIX: Final = "2."
"""The start of fingerprints of this form; those of version 0.1.0 are hexadecimal digits alone."""


class _Known(NamedTuple):
    """What was computed for a read model."""

    code: list[int]
    fingerprint: str
    uncovered: tuple[str, ...]


# Computed once in a process, unless functions of the class are replaced: while a worker runs, its
# files may become those of another version, its handlers may fill a cache that they read, and an
# object that they use may be set on the class.
_known: WeakKeyDictionary[type[ReadModel], _Known] = WeakKeyDictionary()


def fingerprint(model: type[ReadModel]) -> str:
    """Hashes what determines a read model's rows: its code, what that reads, and its table.

    It is the same in every process and on every Python; comments, docstrings and layout do not
    change it. It covers functions, classes, constants and objects of the model's own package, but
    not events and aggregates, nor other packages. `uncovered` says what else it does not cover. A
    model that declares a fingerprint has that one.
    """
    return _of(model).fingerprint


def is_fingerprint_of(model: type[ReadModel], recorded: str) -> bool:
    """Whether a recorded fingerprint, of today's form or of version 0.1.0, is that of a model."""
    if recorded == fingerprint(model):
        return True
    is_former = model.declared_fingerprint is None and not recorded.startswith(PREFIX)
    return is_former and recorded == former_fingerprint(model)


def uncovered(model: type[ReadModel]) -> tuple[str, ...]:
    """What a model's handlers use and its fingerprint does not cover, each with its place.

    A change there is not noticed: declare a fingerprint, and change it when the rows change.
    """
    return _of(model).uncovered


def _of(model: type[ReadModel]) -> _Known:
    values = [value for base in model.__mro__ for value in vars(base).values()]
    code = [id(value) for value in values if isinstance(value, FunctionType)]
    known = _known.get(model)
    if known is None or known.code != code:
        known = _known[model] = _Known(code, *_computed(model))
    return known


def _computed(model: type[ReadModel]) -> tuple[str, tuple[str, ...]]:
    declared = model.declared_fingerprint
    if declared is not None:
        return declared, ()
    found = Coverage(model)
    digest = sha256("\n".join(sorted(found.blocks)).encode()).hexdigest()
    return f"{PREFIX}{digest[:16]}", tuple(sorted(found.uncovered))
