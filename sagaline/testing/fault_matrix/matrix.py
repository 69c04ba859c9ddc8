"""What the fault matrix says: how many stories it has played, or what is wrong in one of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True)
class Matrix:
    """How many runs there were."""

    cases: int
    """Without a crash: with no fault, one and two; with two faults of undos."""
    crashes: int
    """Runs on a store with a crash before or after a commit; of one saga, also those without."""
    left_out: int = 0
    """Stories that were known and not played; each would have led to further ones."""

    @override
    def __str__(self) -> str:
        played = f"{self.cases:,} stories with faults and {self.crashes:,} with crashes were played"
        return f"{played}, {self.left_out:,} were left out"


def report(
    head: str, story: Iterable[str], happened: Iterable[str], wrong: Iterable[str]
) -> AssertionError:
    """The error for a story that fails: its script, what happened in it, and what is wrong."""
    parts = {head: story, "What happened:": happened, "What is wrong:": wrong}
    return AssertionError("\n\n".join("\n  ".join([each, *lines]) for each, lines in parts.items()))
