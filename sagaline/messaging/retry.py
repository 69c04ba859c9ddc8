"""Retries: how many attempts are made, and how long to pause between them."""

from dataclasses import dataclass
from datetime import timedelta
from math import inf


def seconds(count: float) -> timedelta:
    """A duration for declarations: ``within=seconds(30)``."""
    return timedelta(seconds=count)


def minutes(count: float) -> timedelta:
    """A duration for declarations: ``within=minutes(5)``."""
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    """A duration for declarations: ``within=hours(2)``."""
    return timedelta(hours=count)


def in_words(time: timedelta) -> str:
    """A duration as exact text: ``10 s``, ``15 min``, ``36 h``, ``2 days``."""
    count = time.total_seconds()
    for unit, length in _UNITS:
        if count and count % length == 0:
            return f"{count / length:g} {unit}{'s' if unit == 'day' and count > length else ''}"
    return f"{count:g} s"


_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60))


@dataclass(frozen=True)
class Retry:
    """Up to `attempts` attempts in all; the pause grows by `factor` from `first` to `longest`.

    Raises ValueError for values that give no sequence of pauses.
    """

    attempts: int = 3
    first: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    longest: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")
        if self.first < timedelta(0) or self.longest < timedelta(0):
            raise ValueError("first and longest must not be negative")
        if not 1 <= self.factor < inf:
            raise ValueError("factor must be finite, and not below 1")

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
