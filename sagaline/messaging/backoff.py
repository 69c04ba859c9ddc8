"""How long to wait before the next attempt, after several failures in a row."""

from dataclasses import dataclass
from random import random


@dataclass(frozen=True)
class Backoff:
    """Pauses that grow from `first` to `longest` seconds, by `factor` with each failure.

    With `jitter` a pause is random between zero and that length, so that two writers that collide
    do not collide again.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: bool = False

    def pause(self, failures: int) -> float:
        """The seconds to wait after so many failures in a row (at least one)."""
        pause = self.first
        for _ in range(failures - 1):
            # Step by step, because a power of the factor may exceed a float.
            if pause >= self.longest:
                break
            pause *= self.factor
        pause = min(pause, self.longest)
        return random() * pause if self.jitter else pause
