"""Measurements taken in turns: what disturbs the machine for a while disturbs all of them."""

import sys
from collections.abc import Callable, Mapping

Measure = Callable[[], float]

Measured = dict[str, list[float]]
"""What each contender reached, round by round."""


def interleaved(rounds: int, unit: str, contenders: Mapping[str, Measure]) -> Measured:
    """Measures each contender once in every round; tells of each on stderr."""
    measured: Measured = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, measure in contenders.items():
            value = measure()
            measured[name].append(value)
            say(f"  round {number} of {rounds}, {name}: {value:,.4g} {unit}")
    return measured


def say(line: str) -> None:
    """Progress: beside the document, not in it."""
    print(line, file=sys.stderr, flush=True)
