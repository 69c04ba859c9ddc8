"""The date until which a saga waits for a step."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import missing_arguments, named, refuse_no_moment

Deadline = Callable[[Any], datetime]
"""From the saga to the date until which it waits, with a time zone.

It must be pure: it is asked again for the reason that a message gives.
"""


def refuse_no_deadline(until: Any, where: str) -> None:
    """Refuses what is no function from the saga to a date. Raises DefinitionError."""
    if not callable(until) or isinstance(until, type) or missing_arguments(until, "saga"):
        problem = f"{named(until)} is no function of the saga"
        cure = "Write until=lambda saga: saga[Trip.Planned].departs."
        raise DefinitionError(where=where, problem=problem, cure=cure)


def moment_of(until: Deadline, saga: Any, step: str) -> datetime:
    """The date until which a saga waits for a step.

    Raises DefinitionError for one without a time zone: it would mean another moment elsewhere.
    """
    moment = until(saga)
    refuse_no_moment(moment, f"{type(saga).__name__}.{step}: until=")
    return moment
