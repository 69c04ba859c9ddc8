"""The progress of a rebuild and its result, for the caller."""

from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[str, int, int], None]
"""Called with the read table, the log positions that are passed, and those to pass in all."""


@dataclass(frozen=True)
class Rebuilt:
    """The result of the rebuild, or the verification, of one read table.

    `differences` are the keys of rows that a verification found to differ, ten at most; or what
    else it found.
    """

    view: str
    events: int
    rows: int
    seconds: float
    differences: list[str] = field(default_factory=list)


def no_progress(view: str, passed: int, total: int) -> None:
    """Report nothing."""
