"""The status of a saga instance, as expectations compare and print it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sagaline.saga.instance import Journal
from sagaline.saga.state import State, StepStatus

STUCK = (StepStatus.STUCK, StepStatus.UNDO_STUCK)
WAITING = (StepStatus.ASKED, StepStatus.UNDOING)


class SagaStatus(NamedTuple):
    """An instance and its events: what it waits for, where it is parked, or how it ended."""

    journal: Journal
    events: Sequence[Any]

    @property
    def waiting(self) -> list[str]:
        """The steps whose answer, or the answer to whose undo, is outstanding."""
        return [name for name, each in self.journal.steps.items() if each.status in WAITING]

    @property
    def stuck(self) -> dict[str, str]:
        """The steps and closing commands that need an operator, each with the reason."""
        known = {**self.journal.steps, **self.journal.closings}
        return {name: each.reason for name, each in known.items() if each.status in STUCK}

    def has_ended(self, state: State, reason: str | None) -> bool:
        """Whether the instance ended in this state, and for this reason where one is given."""
        return self.journal.state is state and reason in (None, self._end_reason())

    def is_parked(self, step: str, reason: str | None) -> bool:
        """Whether the instance is parked at this step, and for this reason where one is given."""
        parked = self.journal.state is State.PARKED and step in self.stuck
        return parked and reason in (None, self.stuck[step])

    def is_waiting(self, *steps: str) -> bool:
        """Whether the instance is in progress and waits for these steps exactly."""
        in_progress = self.journal.state in (State.RUNNING, State.COMPENSATING)
        return in_progress and set(self.waiting) == set(steps)

    def __str__(self) -> str:
        if self.journal.state is State.PARKED:
            return ", ".join(
                with_reason(f"parked at {name}", why) for name, why in self.stuck.items()
            )
        if self.journal.state.ended:
            return with_reason(self.journal.state.value, self._end_reason())
        return f"waiting for {', '.join(self.waiting) or 'nothing'}"

    def _end_reason(self) -> str:
        ends = [each for each in self.events if isinstance(each, Journal.Ended)]
        return ends[-1].reason if ends else ""


def with_reason(status: str, reason: str | None) -> str:
    """A status with its reason, if there is one: ``compensated: card declined``."""
    return f"{status}: {reason}" if reason else status
