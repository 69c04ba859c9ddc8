"""Measurements taken in turns: what disturbs the machine for a while disturbs all of them."""

import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

Taken = TypeVar("Taken")


def interleaved(
    rounds: int, unit: str, contenders: Mapping[str, Callable[[], Taken]]
) -> dict[str, list[Taken]]:
    """Measures each contender once in every round; tells of each on stderr."""
    measured: dict[str, list[Taken]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, measure in contenders.items():
            taken = measure()
            measured[name].append(taken)
            say(f"  round {number} of {rounds}, {name}: {taken} {unit}")
    return measured


def say(line: str) -> None:
    """Progress: beside the document, not in it."""
    print(line, file=sys.stderr, flush=True)
