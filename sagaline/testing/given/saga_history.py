"""The inputs that a saga instance has handled in a test, and expectations about the result."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from typing_extensions import override

from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import refuse_given
from sagaline.messaging.retry import seconds
from sagaline.messaging.timers import SetTimer
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.state import State
from sagaline.saga.timers import ReminderDue, StepDue, StepTimedOut
from sagaline.testing.drive import replay
from sagaline.testing.failure import unexpected
from sagaline.testing.given.happened import as_call
from sagaline.testing.saga_status import SagaStatus, effect_of

TIMER_NAMES: Mapping[type[Command], str] = {
    StepTimedOut: "time limit",
    StepDue: "pause",
    ReminderDue: "reminder",
}


@dataclass(frozen=True)
class HandledInput:
    """One input of a saga, as the test wrote it, and what the saga recorded for it."""

    input: str
    events: tuple[Any, ...]

    @property
    def commands(self) -> list[Command]:
        """The commands that were issued, in order."""
        return [each.command for each in self.events if isinstance(each, Journal.Requested)]

    @property
    def effects(self) -> list[str]:
        """The commands, the parking and the end that followed, as a failure prints them."""
        return [line for each in self.events if (line := effect_of(each)) is not None]

    @override
    def __str__(self) -> str:
        return f"{self.input} -> {', '.join(self.effects) or 'nothing'}"


class SagaHistory:
    """The handled inputs of one saga instance, and its pending timers."""

    def __init__(
        self,
        definition: type[Saga],
        inputs: tuple[HandledInput, ...] = (),
        timers: Mapping[str, SetTimer] | None = None,
    ) -> None:
        self.timers = dict(timers or {})
        """The pending timers, by id."""
        self._definition = definition
        self._inputs = inputs

    @property
    def events(self) -> list[Any]:
        """All events of the saga instance's own stream, or of the streams of all its runs."""
        return [event for each in self._inputs for event in each.events]

    @property
    def journal(self) -> Journal:
        """The saga instance, or its last run, rebuilt from its stream."""
        events = self.events
        journal = replay(e for e in events if e.originator_id == events[-1].originator_id)
        if journal is None:
            starts = saga_declaration(self._definition).starts
            start = " or ".join(each.__qualname__ for each in starts)
            raise TypeError(f"the history of {self._definition.__name__} must start with {start}")
        return journal

    def then(self, *commands: Command) -> Self:
        """Expects the last input to issue exactly these commands, in this order.

        Ids are not compared: they are derived from the saga instance and the step.
        """
        for each in commands:
            if not isinstance(each, Command):
                refuse_given(each, "then", "Give the commands, as in then(PayOrder(order_id=...)).")
        issued = [each for last in self._inputs[-1:] for each in last.commands]
        if [_content(each) for each in issued] != [_content(each) for each in commands]:
            raise self._failure(map(_written, commands), map(_written, issued))
        return self

    def then_nothing(self) -> Self:
        """Expects the last input to issue no command, and to neither park nor end the saga."""
        effects = [each for last in self._inputs[-1:] for each in last.effects]
        if effects:
            raise self._failure([], effects)
        return self

    def then_ends(self, state: State, reason: str | None = None) -> Self:
        """Expects the saga to have ended in this state, and for this reason if one is given."""
        return self._must(*self._status().ended(state, reason))

    def then_parks(self, step: str, reason: str | None = None) -> Self:
        """Expects the saga to be parked at this step, and for this reason if one is given."""
        return self._must(*self._status().parked(step, reason))

    def then_waits(self, *steps: str) -> Self:
        """Expects the saga to wait for the answers to these steps, or to their undos."""
        return self._must(*self._status().waits_for(*steps))

    def then_timer(self, step: str, after: timedelta | float) -> Self:
        """Expects a timer of this step that is due after so long (a number is in seconds)."""
        after = after if isinstance(after, timedelta) else seconds(after)
        return self._must_have_timer(step, "after", after)

    def then_deadline(self, step: str, date: datetime) -> Self:
        """Expects a timer of this step that is due at this date, or earlier after a time limit."""
        return self._must_have_timer(step, "until", date)

    def _must_have_timer(self, step: str, what: str, when: timedelta | datetime) -> Self:
        pending: list[Any] = list(self.timers.values())
        if not any(each.command.step == step and getattr(each, what) == when for each in pending):
            wanted = f"{step} {'in' if what == 'after' else what} {when}"
            raise self._failure([wanted], map(describe_timer, pending))
        return self

    def then_no_timers(self) -> Self:
        """Expects no pending timer."""
        if self.timers:
            raise self._failure([], map(describe_timer, self.timers.values()))
        return self

    def _status(self) -> SagaStatus:
        return SagaStatus(self.journal, self.events)

    def _must(self, met: bool, expected: str) -> Self:
        if not met:
            raise self._failure([expected], [self._status()])
        return self

    def _failure(self, expected: Iterable[str], actual: Iterable[object]) -> AssertionError:
        return unexpected("result", expected, actual, self._inputs)


def describe_timer(timer: SetTimer) -> str:
    """``book_flight in 0:05:00 (time limit)``, or with the date until which the saga waits."""
    command: Any = timer.command
    limits = [] if timer.after == timedelta.max else [f"in {timer.after}"]
    limits += [] if timer.until is None else [f"until {timer.until}"]
    return f"{command.step} {', or '.join(limits)} ({TIMER_NAMES[type(command)]})"


def _content(command: Command) -> tuple[type[Command], dict[str, Any]]:
    return type(command), command.model_dump(exclude={"id"})


def _written(command: Command) -> str:
    return as_call(type(command), {name: value for name, value in command if name != "id"})
