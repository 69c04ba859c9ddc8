"""Retries: how many attempts are made, and how long to pause between them."""

from dataclasses import dataclass
from datetime import timedelta
from math import inf
from sys import maxsize
from typing import Any, Final

from sagaline.errors import DefinitionError


def seconds(count: float) -> timedelta:
    """A duration for declarations: ``within=seconds(30)``."""
    return _time("seconds", count)


def minutes(count: float) -> timedelta:
    """A duration for declarations: ``within=minutes(5)``."""
    return _time("minutes", count)


def hours(count: float) -> timedelta:
    """A duration for declarations: ``within=hours(2)``."""
    return _time("hours", count)


def _time(unit: str, count: float) -> timedelta:
    try:
        return timedelta(**{unit: count})
    except (TypeError, ValueError, OverflowError) as error:
        problem = f"{count!r} is no number of {unit}"
        raise DefinitionError(where=unit, problem=problem, cure=f"Write {unit}(5).") from error


def in_words(time: timedelta) -> str:
    """A duration as exact text: ``10 s``, ``15 min``, ``36 h``, ``2 days``."""
    count = time.total_seconds()
    for unit, length in _UNITS:
        if count and count % length == 0:
            return f"{count / length:g} {unit}{'s' if unit == 'day' and count > length else ''}"
    return f"{count:g} s"


_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60))


def _check(name: str, value: object, limits: str, is_within: bool) -> None:
    if not is_within:
        problem = f"{name} is {value!r}"
        raise DefinitionError(where="Retry", problem=problem, cure=f"{name} must be {limits}.")


@dataclass(frozen=True)
class Retry:
    """Up to `attempts` attempts in all; the pause grows by `factor` from `first` to `longest`.

    Raises DefinitionError for values that give no sequence of pauses.
    """

    attempts: int = 3
    first: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    longest: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        attempts: Any = self.attempts
        _check("attempts", attempts, "at least 1", type(attempts) is int and attempts > 0)
        pauses: dict[str, object] = {"first": self.first, "longest": self.longest}
        for name, pause in pauses.items():
            is_pause = isinstance(pause, timedelta) and pause >= timedelta(0)
            _check(name, pause, "a time, as in seconds(5), and not negative", is_pause)
        factor: Any = self.factor
        is_factor = isinstance(factor, int | float) and 1 <= factor < inf
        _check("factor", factor, "finite, and not below 1", is_factor)

    def pause(self, attempt: int) -> timedelta | None:
        """The pause after failed attempt number `attempt` (from 1); None where it was the last."""
        if attempt >= self.attempts:
            return None
        pause, longest = self.first.total_seconds(), self.longest.total_seconds()
        for _ in range(attempt - 1):
            # In a loop, because a power of the factor may be more than a float can hold.
            pause = min(pause * self.factor, longest)
        # `longest` as it is: a float may round it up beyond the longest time that there is.
        return timedelta(seconds=pause) if pause < longest else self.longest


FOR_MINUTES: Final = Retry(attempts=10)
"""The attempts where none are declared and no time limit ends them: ten, in eight and a half
minutes."""

_SHARE_OF_LIMIT: Final = 60


def declared_or_patient(retry: Retry | None, within: timedelta | None) -> Retry:
    """The `retry` that is declared; without it, attempts go on until the time limit is over.

    An outage of seconds uses them up neither with nor without a time limit. The longest pause grows
    with the limit, so that a step of two days is not tried five hundred times.
    """
    if retry is not None:
        return retry
    if within is None:
        return FOR_MINUTES
    longest = max(FOR_MINUTES.longest, within / _SHARE_OF_LIMIT)
    return Retry(attempts=maxsize, longest=longest)
