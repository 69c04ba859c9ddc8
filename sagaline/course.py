"""What a saga instance does next, given what it has heard. Pure: it writes only to the journal.

The order in which one input is taken is part of the documentation (docs/how-a-saga-runs.md) and is
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
_ASKED = {False: Status.ASKED, True: Status.UNDOING}
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
        self._take(Answer(step.name, undo, outcome, _reason(event, done), event))

    def time_out(self, step_name: str) -> None:
        """Takes the end of a step's time: its outcome is unknown, which is not a refusal."""
        progress = self._journal.steps.get(step_name)
        if self._journal.state.ended or progress is None or progress.status is not Status.ASKED:
            return
        step = self._definition.steps[step_name]
        reason = f"{step_name}: no answer within {self._within(step)}"
        again = self._retry(step).pause(progress.attempts)
        if step.kind in (PIVOT, RETRIABLE) and again is not None:
            self._stop_pause(step)
            self._ask(step, Role.DO, progress.attempts + 1)
            self._limit(step)
        else:
            self._give_up(step, Answer(step_name, False, Outcome.UNKNOWN, reason, None))

    def ask_again(self, step_name: str) -> None:
        """Takes the end of the pause after a fault, or after an undo that was refused."""
        progress = self._journal.steps.get(step_name)
        if self._journal.state.ended or progress is None or not progress.pausing:
            return
        role = Role.UNDO if progress.status is Status.UNDOING else Role.DO
        self._ask(self._definition.steps[step_name], role, progress.attempts + 1)

    def _hear_fault(self, event: CommandFaulted) -> None:
        name, role = self._journal.asked[event.command_id]
        undo = role is Role.UNDO
        self._take(Answer(name, undo, Outcome.FAULTED, event.reason, event))

    def _take(self, answer: Answer) -> None:
        if not self._is_wanted(answer):
            self._journal.trigger_event(Journal.Noted, answer=answer, heeded=False)
            return
        step = self._definition.steps[answer.step]
        if _is_failure(answer):
            self._try_again(step, answer)
            return
        self._heed(step, answer)
        if answer.outcome is Outcome.DONE and not answer.undo:
            self._forward()
        else:
            self._back()

    def _is_wanted(self, answer: Answer) -> bool:
        """Whether the answer changes anything; one that comes twice, late or early does not."""
        progress = self._journal.steps.get(answer.step)
        if self._journal.state.ended or progress is None:
            return False
        if not _is_failure(answer):
            return progress.status in _WAITS[answer.undo]
        event = answer.event
        of_now = not isinstance(event, CommandFaulted) or event.attempt == progress.attempts
        return progress.status is _ASKED[answer.undo] and of_now and not progress.pausing

    def _try_again(self, step: Step, answer: Answer) -> None:
        pause = self._retry(step).pause(self._journal.steps[step.name].attempts)
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
        self._stop_pause(step)
        if self._within(step) is not None and not answer.undo:
            self.timers.append(CancelTimer(self._timer(step, "timeout")))
        self._journal.heed(answer)

    def _forward(self) -> None:
        """Asks for the next step, unless its answer was heard before it was asked for."""
        for step in self._definition.steps.values():
            if step.name in self._journal.steps:
                continue
            early = self._journal.early.get(step.name)
            if early is None:
                self._ask(step, Role.DO)
                self._limit(step)
                return
            self._note()
            self._answer = early
            self._journal.heed(early)
            if early.outcome is Outcome.REFUSED:
                self._back()
                return
        self._record(Journal.Ended, state=State.COMPLETED, reason="")

    def _back(self) -> None:
        """Undoes in reverse order of start, one at a time; one that is stuck stops no other."""
        if any(each.status is Status.UNDOING for each in self._journal.steps.values()):
            self._note()
            return
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
                self._record(Journal.Parked, step=name, reason=progress.reason)
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

    def _note(self) -> None:
        """Records the answer at hand, if any, which led to nothing by itself."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._journal.trigger_event(Journal.Noted, answer=answer, heeded=True)

    def _record(self, event_class: type[Any], **facts: Any) -> None:
        answer, self._answer = self._answer, None
        self._journal.trigger_event(event_class, answer=answer, **facts)

    def _stop_pause(self, step: Step) -> None:
        if self._journal.steps[step.name].pausing:
            self.timers.append(CancelTimer(self._timer(step, "due")))

    def _timer(self, step: Step, what: str) -> str:
        return f"{self._journal.key}:{step.name}:{what}"

    def _within(self, step: Step) -> timedelta | None:
        within = self._timings.get(step.name, _NO_TIMING).within
        return step.within if within is None else within

    def _retry(self, step: Step) -> Retry:
        return self._timings.get(step.name, _NO_TIMING).retry or step.retry


def _is_failure(answer: Answer) -> bool:
    """Whether it tells of an attempt that failed: by a fault, or by the refusal of an undo."""
    refused_undo = answer.undo and answer.outcome is Outcome.REFUSED
    return refused_undo or answer.outcome is Outcome.FAULTED


def _reason(event: Any, done: bool) -> str:
    return "" if done else str(getattr(event, "reason", "") or type(event).__name__)
