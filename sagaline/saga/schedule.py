"""Sagas that start by themselves, at the times of a cron expression."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import named
from sagaline.saga.due_times import DueTimes
from sagaline.saga.fan_out import ALL, Need


class Missed(Enum):
    """What becomes of the due times that pass while nobody runs the system."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


SKIP: Final = Missed.SKIP
"""No instance starts for a time that was missed by more than a minute."""

ONCE: Final = Missed.ONCE
"""One instance starts for all times that were missed: the one of the latest."""

MISSED_AFTER: Final = timedelta(minutes=1)
"""How late a due time is when it counts as missed."""

MOST_MISSED: Final = 100
"""The most instances that start at once for times that were missed: those of the latest."""


class Schedule:
    """When a saga starts by itself: see `schedule`."""

    def __init__(self, expression: str, zone: str, missed: Missed) -> None:
        self.expression = expression
        self.zone = zone
        self.missed = missed
        self._times = DueTimes(expression, ZoneInfo(zone))

    def next(self, after: datetime) -> datetime:
        """The first due time after a moment."""
        return next(self._times.after(after))

    def starts(self, at: datetime, now: datetime, late: timedelta) -> list[datetime]:
        """The due times for which instances start now, the earliest first.

        `at` is the time that was to come next, and `late` is how long ago its timer was due.
        """
        later = self._times.between(at, now)
        if self.missed is Missed.SKIP:
            recent = [each for each in islice(later, 1) if now - each <= MISSED_AFTER]
            return [*([at] if late <= MISSED_AFTER else []), *recent]
        most = 1 if self.missed is Missed.ONCE else MOST_MISSED
        return list(islice(_and_then(later, at), most))[::-1]

    def __str__(self) -> str:
        return f"{self.expression} {self.zone}"


def schedule(expression: str, *, zone: str = "UTC", missed: Missed | Need = ONCE) -> Schedule:
    """Declares that a saga starts by itself: ``starts_on=schedule("0 2 * * *")``.

    `expression` is a cron expression, in the local time of `zone`. An instance starts for each due
    time; its key is that time, unless the saga has a `key`. `missed` says what becomes of times
    that pass while nobody runs the system: `SKIP`, `ONCE`, or `ALL` of the last hundred.

    Needs the extra `sagaline[schedule]`. Raises DefinitionError for an expression that is never
    due, an unknown zone, and where the library is missing.
    """
    where = f"schedule({expression!r})"
    _refuse_zone(where, zone)
    given: Any = missed
    if given is ALL:
        given = Missed.ALL
    if not isinstance(given, Missed):
        problem = f"its missed is {named(missed)}"
        raise DefinitionError(where=where, problem=problem, cure="Write SKIP, ONCE or ALL.")
    return Schedule(expression, zone, given)


def _refuse_zone(where: str, zone: Any) -> None:
    try:
        ZoneInfo(zone)
    except (TypeError, ValueError, OSError, AttributeError, KeyError) as error:
        cure = "Name one as in zone='Europe/Berlin'; where none is known, install tzdata."
        problem = f"there is no zone {named(zone)}"
        raise DefinitionError(where=where, problem=problem, cure=cure) from error


def _and_then(later: Iterator[datetime], at: datetime) -> Iterator[datetime]:
    yield from later
    yield at
