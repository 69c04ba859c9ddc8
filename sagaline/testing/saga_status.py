"""The status of a saga instance, as expectations compare and print it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sagaline.messaging.declaring import refuse_given
from sagaline.saga.instance import Journal
from sagaline.saga.state import State


class SagaStatus(NamedTuple):
    """An instance and its events: what it waits for, where it is parked, or how it ended."""

    journal: Journal
    events: Sequence[Any]

    @property
    def waiting(self) -> list[str]:
        """The steps whose answer, or the answer to whose undo, is outstanding."""
        return [name for name, each in self.journal.steps.items() if each.status.in_flight]

    @property
    def stuck(self) -> dict[str, str]:
        """The steps and closing commands that need an operator, each with the reason."""
        parts = self.journal.parts.items()
        return {name: each.reason for name, each in parts if each.status.stuck}

    def ended(self, state: State, reason: str | None) -> tuple[bool, str]:
        """Whether the instance ended in this state (for this reason), and that status in words."""
        if not isinstance(state, State):
            refuse_given(state, "then_ends", "Write then_ends(State.COMPLETED).")
        met = self.journal.state is state and reason in (None, self._end_reason())
        return met, _with_reason(state.value, reason)

    def parked(self, step: str, reason: str | None) -> tuple[bool, str]:
        """Whether the instance is parked at this step (for this reason), and that in words."""
        met = self.journal.state is State.PARKED and step in self.stuck
        met = met and reason in (None, self.stuck[step])
        return met, _with_reason(f"parked at {step}", reason)

    def waits_for(self, *steps: str) -> tuple[bool, str]:
        """Whether the instance is in progress and waits for just these steps; that in words."""
        in_progress = self.journal.state in (State.RUNNING, State.COMPENSATING)
        return in_progress and set(self.waiting) == set(map(str, steps)), _waiting_for(steps)

    def __str__(self) -> str:
        if self.journal.state is State.PARKED:
            return ", ".join(
                _with_reason(f"parked at {name}", why) for name, why in self.stuck.items()
            )
        if self.journal.state.ended:
            return _with_reason(self.journal.state.value, self._end_reason())
        return _waiting_for(self.waiting)

    def _end_reason(self) -> str:
        ends = [each for each in self.events if isinstance(each, Journal.Ended)]
        return ends[-1].reason if ends else ""


def effect_of(event: Any) -> str | None:
    """The command, the parking or the end that an event records; None for any other event."""
    if isinstance(event, Journal.Requested):
        again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        return f"{type(event.command).__name__}{again}"
    if isinstance(event, Journal.Parked):
        return _with_reason(f"parked at {event.step}", event.reason)
    if isinstance(event, Journal.Ended):
        return _with_reason(event.state.value, event.reason)
    return None


def _waiting_for(steps: Iterable[str]) -> str:
    return f"waiting for {', '.join(map(str, steps)) or 'nothing'}"


def _with_reason(status: str, reason: str | None) -> str:
    return f"{status}: {reason}" if reason else status
