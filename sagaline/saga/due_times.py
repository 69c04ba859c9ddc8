"""When a cron expression is due, in the local time of a zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from sagaline.errors import DefinitionError

_CURE = "Write five fields (minute, hour, day, month, weekday), as in schedule('0 2 * * *')."
_SECOND = timedelta(seconds=1)
_MOST_REPEATED = timedelta(hours=3)
"""More than clocks are ever set back by."""


class DueTimes:
    """The due times of a cron expression.

    An expression that names hours is due once in each of them: a time that daylight saving skips
    is due at the next moment that there is, and one that it repeats is due the first time. With
    ``*`` as its hour, an expression is due in every hour that passes, also in a repeated one.
    """

    def __init__(self, expression: str, zone: ZoneInfo) -> None:
        self._cron: Any = _library(expression)
        self._expression = expression
        self._zone = zone
        self._hourly = expression.split()[-4:-3] == ["*"]

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The due times after a moment, the earliest first."""
        moment = moment.astimezone(UTC)  # of one zone, local times would be compared
        found = self._times(self._local(moment), reverse=False)
        return _distinct(dropwhile(lambda each: each <= moment, found))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The due times after a moment, up to another one, the latest first."""
        after, until = after.astimezone(UTC), until.astimezone(UTC)
        margin = _SECOND if self._hourly else _MOST_REPEATED
        found = self._times(self._local(until + margin), reverse=True)
        passed = dropwhile(lambda each: each > until, found)
        return _distinct(takewhile(lambda each: each > after, passed))

    def _local(self, moment: datetime) -> datetime:
        local = moment.astimezone(self._zone)
        return local if self._hourly else local.replace(tzinfo=None)

    def _times(self, start: datetime, *, reverse: bool) -> Iterator[datetime]:
        for each in self._cron(self._expression, start, reverse=reverse):
            yield _fixed(each if self._hourly else self._moment(each))

    def _moment(self, local: datetime) -> datetime:
        """The moment of a local time; the first one after it where clocks skip that time."""
        moment = local.replace(tzinfo=self._zone)
        low, high = (moment.replace(fold=each).astimezone(UTC) for each in (1, 0))
        if moment.replace(tzinfo=None) == high.astimezone(self._zone).replace(tzinfo=None):
            return moment
        offset = low.astimezone(self._zone).utcoffset()
        while high - low > _SECOND:
            middle = (low + (high - low) / 2).replace(microsecond=0)
            if middle.astimezone(self._zone).utcoffset() == offset:
                low = middle
            else:
                high = middle
        return high.astimezone(self._zone)


def _library(expression: str) -> Any:
    """The class of the library, which can read the expression. Raises DefinitionError."""
    where = f"schedule({expression!r})"
    try:
        from cronsim import CronSim, CronSimError  # for those who have a schedule
    except ImportError as error:
        problem, cure = "it needs the library cronsim", "Install sagaline[schedule]."
        raise DefinitionError(where=where, problem=problem, cure=cure) from error
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # noqa: DTZ001  # any time will do
    except (CronSimError, AttributeError, TypeError) as error:
        problem = f"it is no cron expression ({str(error).lower()})"
        raise DefinitionError(where=where, problem=problem, cure=_CURE) from error
    except StopIteration:
        cure = "Name a day that there is."
        raise DefinitionError(where=where, problem="it is never due", cure=cure) from None
    return CronSim


def _fixed(moment: datetime) -> datetime:
    """The moment with the offset that its zone has then, as it is read from a store."""
    return datetime.fromisoformat(moment.isoformat())


def _distinct(moments: Iterator[datetime]) -> Iterator[datetime]:
    last = None
    for each in moments:
        if each != last:
            yield each
        last = each
