"""Dates until which sagas wait, in the fault matrix."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.step_timers import Timing

A_DAY: Final = timedelta(days=1)


def without_dates(saga: type[Saga], timings: Mapping[str, Timing]) -> Mapping[str, Timing]:
    """The timings with a limit of a day for each date: a date says nothing on a simulated clock."""
    found = dict(timings)
    for name, step in saga_declaration(saga).steps.items():
        given = timings.get(name, Timing())
        if step.until is not None or given.until is not None:
            within = given.within or step.within or A_DAY
            found[name] = Timing(within, given.retry, until=_never)
    return found


def _never(_: Saga) -> datetime:
    return datetime.max.replace(tzinfo=UTC)
