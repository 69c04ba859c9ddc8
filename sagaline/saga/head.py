"""What stands in the head of a saga class."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

from sagaline.messaging.identity import Begin
from sagaline.saga.children import WhenAbandoned
from sagaline.saga.schedule import Schedule
from sagaline.saga.scheduled import ScheduledStart

StartsOn = type | Schedule | tuple[type | Schedule, ...]
"""An event, a command, a schedule, or several of them."""


@dataclass(frozen=True)
class Head:
    """What starts a saga, whose instances they are, and what it is called."""

    starts: tuple[type, ...]
    """The classes of what starts an instance: the first of them that comes for a key."""
    key_of: Callable[[Any], Any]
    """From what starts an instance to the key of the business transaction."""
    name: str
    """Its name in stores."""
    begin: Begin | None
    expected: timedelta | None
    """How long an instance should take."""
    when_abandoned: WhenAbandoned
    again: bool = False
    """Whether a start after the end of an instance begins the next run of its key."""
    schedule: Schedule | None = None
    """When it starts by itself; None where an event or a command starts it."""


def started_by(
    starts_on: StartsOn, key: Callable[[Any], Any] | None
) -> tuple[tuple[type, ...], Any, Schedule | None]:
    """What starts a saga, the function for its key, and its schedule, if it has one."""
    given = starts_on if isinstance(starts_on, tuple) else (starts_on,)
    starts = tuple(ScheduledStart if isinstance(each, Schedule) else each for each in given)
    schedule = next((each for each in given if isinstance(each, Schedule)), None)
    if starts == (ScheduledStart,) and key is None:
        key = attrgetter("key")
    return starts, key, schedule
