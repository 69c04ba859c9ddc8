"""The same faults with one more, at each command that was issued with them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from sagaline.saga.reminders import reminder_name
from sagaline.testing.simulation.faults import Fault
from sagaline.testing.simulation.scripted_attempt import FaultPoint

P = TypeVar("P")

Faults = Mapping[P, tuple[Fault, ...]]
"""The faults of each command: of its first attempt, of its second, and so on."""


def with_one_more(
    faults: Faults[P], issued: Iterable[tuple[P, int]], possible: Callable[[P], Iterable[Fault]]
) -> Iterator[Faults[P]]:
    """The faults with one more, at each command that was `issued`, with the number of its attempt.

    `possible` are the faults that a command may have. Nothing follows a permanent one.
    """
    for place, attempt in sorted(issued, key=str):
        before = faults.get(place, ())
        if attempt == len(before) + 1 and not (before and before[-1].permanent):
            yield from ({**faults, place: (*before, fault)} for fault in possible(place))


def declared_point(point: FaultPoint) -> FaultPoint:
    """The place in the definition of a command: of a numbered reminder, the reminder."""
    return FaultPoint(reminder_name(point.name), point.role)
