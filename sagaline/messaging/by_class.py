"""Values by class, which hold for subclasses too."""

from collections.abc import Mapping
from typing import Any, TypeVar

from eventsourcing.domain import DomainEvent

V = TypeVar("V")


class ByClass(dict[type, V | None]):
    """Values by class; a class without its own has that of the nearest class it derives from.

    A class that derives from none of them has None. Subclasses may be defined later.
    """

    def __init__(self, known: Mapping[type, V]) -> None:
        super().__init__(known)

    def __missing__(self, cls: type) -> V | None:
        bases = (each for each in cls.__mro__[1:] if each in self)
        base = next(bases, None)
        value = self[cls] = None if base is None else self[base]
        return value


_lineages: dict[type, tuple[type, ...]] = {}


def lineage(event: Any) -> tuple[type, ...]:
    """The class of an event, and the event classes that it derives from, without the library's."""
    cls: type = type(event)
    if cls not in _lineages:
        bases = (each for each in cls.__mro__[1:] if issubclass(each, DomainEvent))
        own = [each for each in bases if not each.__module__.startswith("eventsourcing.")]
        _lineages[cls] = (cls, *own)
    return _lineages[cls]
