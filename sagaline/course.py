"""What a saga instance does next, given what it has heard. Pure: it writes only to the journal.

The order in which one input is taken is part of the documentation (docs/guarantees.md) and is
pinned by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid5

from sagaline.commands import Command
from sagaline.faults import CommandFaulted
from sagaline.journal import Answer, Journal, Outcome, Role, State, Status, requested
from sagaline.retry import Retry
from sagaline.saga import PIVOT, RETRIABLE, Ask, Saga, Step
from sagaline.timers import CancelTimer, SetTimer, StepDue, StepTimedOut, TimerChange


@dataclass(frozen=True)
class Timing:
    """A system's own `within` and `retry` for a step, in place of the declared ones."""

    within: timedelta | None = None
    retry: Retry | None = None


_NO_TIMING = Timing()
_WAITS = {False: (Status.ASKED, Status.STUCK), True: (Status.UNDOING, Status.UNDO_STUCK)}


class Course:
    """The way of one saga instance through its steps, forward or back."""

    def __init__(
        self, definition: type[Saga], journal: Journal, timings: Mapping[str, Timing]
    ) -> None:
        self._definition = definition
        self._journal = journal
        self._timings = timings
        self._saga = definition(journal)
        self._answer: Answer | None = None
        self.timers: list[TimerChange] = []

    def start(self) -> None:
        """Asks for the first step."""
        self._forward()

    def hear(self, event: Any) -> None:
        """Takes an answer of a participant."""
        if isinstance(event, CommandFaulted):
            self._hear_fault(event)
            return
        step, undo, done = self._definition.answers[type(event)]
        outcome = Outcome.DONE if done else Outcome.REFUSED
        self._take(step, Answer(step.name, undo, outcome, _reason(event, done), event))

    def time_out(self, step_name: str) -> None:
        """Takes the end of a step's time: its outcome is unknown, which is not a refusal."""
        step = self._definition.steps[step_name]
        progress = self._journal.steps.get(step_name)
        if progress is None or progress.status is not Status.ASKED:
            return
        reason = f"{step_name}: no answer within {self._within(step)}"
        again = self._retry(step).pause(progress.attempts)
        if step.kind in (PIVOT, RETRIABLE) and again is not None:
            self._ask(step, Role.DO, progress.attempts + 1)
            self._limit(step)
        else:
            self._give_up(step, Answer(step_name, False, Outcome.UNKNOWN, reason, None))

    def ask_again(self, step_name: str) -> None:
        """Takes the end of the pause after a fault, or after an undo that was refused."""
        step = self._definition.steps[step_name]
        progress = self._journal.steps[step_name]
        if progress.status is Status.ASKED:
            self._ask(step, Role.DO, progress.attempts + 1)
        elif progress.status is Status.UNDOING:
            self._ask(step, Role.UNDO, progress.attempts + 1)

    def _hear_fault(self, event: CommandFaulted) -> None:
        name, role = self._journal.asked[event.command_id]
        if role is not Role.CLOSE:
            step, undo = self._definition.steps[name], role is Role.UNDO
            self._take(step, Answer(name, undo, Outcome.FAULTED, event.reason, event))

    def _take(self, step: Step, answer: Answer) -> None:
        progress = self._journal.steps.get(step.name)
        if progress is None or progress.status not in _WAITS[answer.undo]:
            self._journal.trigger_event(Journal.Noted, answer=answer, heeded=False)
        elif answer.outcome is Outcome.DONE:
            self._heed(step, answer)
            (self._back if answer.undo else self._forward)()
        elif answer.outcome is Outcome.REFUSED and not answer.undo:
            self._heed(step, answer)
            self._back()
        else:
            self._try_again(step, answer, progress.attempts)

    def _try_again(self, step: Step, answer: Answer, attempts: int) -> None:
        pause = self._retry(step).pause(attempts)
        if pause is None:
            self._give_up(step, answer)
            return
        noted = Answer(step.name, answer.undo, Outcome.FAULTED, answer.reason, answer.event)
        self._journal.trigger_event(Journal.Noted, answer=noted, heeded=True)
        due = StepDue(saga_key=self._journal.key, step=step.name)
        self.timers.append(SetTimer(self._timer(step, "due"), pause, due))

    def _give_up(self, step: Step, answer: Answer) -> None:
        """Too many faults, or no time left: before the pivot the way back, else a person."""
        forward_only = step.kind in (PIVOT, RETRIABLE)
        outcome = Outcome.STUCK if answer.undo or forward_only else Outcome.UNKNOWN
        self._heed(step, Answer(step.name, answer.undo, outcome, answer.reason, answer.event))
        if forward_only:
            self._record(Journal.Parked, step=step.name, reason=answer.reason)
        else:
            self._back()

    def _heed(self, step: Step, answer: Answer) -> None:
        """The answer counts at once; it is recorded with the transition that it leads to."""
        self._answer = answer
        if self._journal.steps[step.name].pausing:
            self.timers.append(CancelTimer(self._timer(step, "due")))
        if self._within(step) is not None and not answer.undo:
            self.timers.append(CancelTimer(self._timer(step, "timeout")))
        self._journal.heed(answer)

    def _forward(self) -> None:
        for step in self._definition.steps.values():
            if step.name not in self._journal.steps:
                self._ask(step, Role.DO)
                self._limit(step)
                return
        self._record(Journal.Ended, state=State.COMPLETED, reason="")

    def _back(self) -> None:
        """Undoes in reverse order of start; an undo that is stuck does not stop the others."""
        for name in reversed(self._journal.steps):
            step = self._definition.steps[name]
            status = self._journal.steps[name].status
            if step.undoing is not None and status in (Status.DONE, Status.UNKNOWN):
                self._ask(step, Role.UNDO)
                return
        self._close()

    def _close(self) -> None:
        for name, progress in self._journal.steps.items():
            if progress.status is Status.UNDO_STUCK:
                reason = self._answer.reason if self._answer else "its effect could not be undone"
                self._record(Journal.Parked, step=name, reason=reason)
                return
        closing = self._definition.closing
        if closing is not None:
            self._give(closing.name, closing.ask, Role.CLOSE, 1)
        self._record(Journal.Ended, state=State.COMPENSATED, reason=self._journal.reason)

    def _ask(self, step: Step, role: Role, attempt: int = 1) -> None:
        ask = step.undoing.ask if role is Role.UNDO and step.undoing else step.ask
        self._give(step.name, ask, role, attempt)

    def _limit(self, step: Step) -> None:
        within = self._within(step)
        if within is not None:
            timeout = StepTimedOut(saga_key=self._journal.key, step=step.name)
            self.timers.append(SetTimer(self._timer(step, "timeout"), within, timeout))

    def _give(self, name: str, ask: Ask, role: Role, attempt: int) -> None:
        command = self._identified(ask(self._saga), f"{name}:{role.value}")
        self._record(
            requested(type(command)), step=name, role=role, attempt=attempt, command=command
        )

    def _identified(self, command: Command, what: str) -> Command:
        """The same request has the same id however often it is made: the idempotency key."""
        return command.model_copy(update={"id": uuid5(self._journal.id, what)})

    def _record(self, event_class: type[Any], **facts: Any) -> None:
        answer, self._answer = self._answer, None
        self._journal.trigger_event(event_class, answer=answer, **facts)

    def _timer(self, step: Step, what: str) -> str:
        return f"{self._journal.key}:{step.name}:{what}"

    def _within(self, step: Step) -> timedelta | None:
        return self._timings.get(step.name, _NO_TIMING).within or step.within

    def _retry(self, step: Step) -> Retry:
        return self._timings.get(step.name, _NO_TIMING).retry or step.retry


def _reason(event: Any, done: bool) -> str:
    return "" if done else str(getattr(event, "reason", "") or type(event).__name__)
