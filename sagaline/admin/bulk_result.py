"""What an operator's act on many sagas or dead letters has done, or would do."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

Progress = Callable[[int, int], None]
"""Called with the number handled so far, and the number of all."""


def ignore_progress(_handled: int, _selected: int) -> None:
    """Reports no progress."""


@dataclass(frozen=True)
class Group:
    """How many of one saga, or of one follower, stand at a step for one reason."""

    saga: str
    step: str
    reason: str
    count: int


@dataclass(frozen=True)
class Undone:
    """One that the act could not be done to, by its saga or follower, with the reason."""

    saga: str
    id: str
    key: str | None
    reason: str


@dataclass
class BulkResult:
    """An act on a selection; with `dry_run` nothing was done, and `done` says what would be.

    `selected` counts what was selected before the act. What another operator, or a runner, has
    moved on meanwhile is neither `done` nor `refused`.
    """

    action: str
    selection: str
    dry_run: bool
    selected: int = 0
    done: int = 0
    refused: list[Undone] = field(default_factory=list)
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter, repr=False)

    @property
    def groups(self) -> list[Group]:
        """What was selected, by saga, step and reason; the most frequent first."""
        return [Group(*names, count) for names, count in self._counts.most_common()]

    def count(self, saga: str, step: str, reason: str) -> None:
        """Notes one that is selected."""
        self.selected += 1
        self._counts[saga, step, reason] += 1

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "action": self.action,
            "selection": self.selection,
            "dry_run": self.dry_run,
            "selected": self.selected,
            "done": self.done,
            "refused": [asdict(each) for each in self.refused],
            "groups": [asdict(each) for each in self.groups],
        }
