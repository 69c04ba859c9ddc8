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


@dataclass(frozen=True)
class Head:
    """What starts a saga, whose instances they are, and what it is called."""

    starts_on: type
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
    starts_on: type | Schedule, key: Callable[[Any], Any] | None
) -> tuple[type, Any, Schedule | None]:
    """What starts a saga, the function for its key, and its schedule, if it has one."""
    if isinstance(starts_on, Schedule):
        return ScheduledStart, attrgetter("key") if key is None else key, starts_on
    return starts_on, key, None
