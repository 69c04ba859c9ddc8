"""What a saga instance does next, given what it has heard. Pure: it writes only to the journal.

The order in which one input is taken is part of the documentation (docs/how-a-saga-runs.md) and is
pinned by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sagaline.errors import NoCommand
from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.ids import named_id
from sagaline.messaging.retry import Retry, in_words
from sagaline.messaging.timers import CancelTimer, SetTimer, TimerChange
from sagaline.saga.definition import PIVOT, RETRIABLE, Ask, Closing, Saga, Step
from sagaline.saga.instance import Journal, requested
from sagaline.saga.state import Answer, Outcome, Role, State, StepProgress, StepStatus
from sagaline.saga.timers import StepDue, StepTimedOut


@dataclass(frozen=True)
class Timing:
    """A system's own `within` and `retry` for a step, in place of the declared ones."""

    within: timedelta | None = None
    retry: Retry | None = None


_NO_TIMING = Timing()
_ASKED = {False: StepStatus.ASKED, True: StepStatus.UNDOING}
_WAITS = {
    False: (StepStatus.ASKED, StepStatus.STUCK),
    True: (StepStatus.UNDOING, StepStatus.UNDO_STUCK),
}
_BEHIND_US = (StepStatus.DONE, StepStatus.SKIPPED)
_TO_UNDO = (StepStatus.DONE, StepStatus.UNKNOWN, StepStatus.UNDO_AGAIN)


class SagaEngine:
    """The way of one saga instance through its steps, forward or back."""

    def __init__(
        self, definition: type[Saga], journal: Journal, timings: Mapping[str, Timing]
    ) -> None:
        self._definition = definition
        self._journal = journal
        self._timings = timings
        self._answer: Answer | None = None
        self.timers: list[TimerChange] = []

    def start(self) -> None:
        """Asks for the first steps."""
        self._forward()

    def queue(self) -> tuple[str, ...]:
        """Names the locks that are to be held before the first step; none where none are wanted."""
        wanted = self._definition.locks
        if wanted is None:
            return ()
        names = tuple(sorted(set(wanted.claim(self._definition(self._journal)))))
        if names:
            self._journal.trigger_event(Journal.Locking, names=names)
        return names

    def refuse(self, reason: str) -> None:
        """Turns round before the first step."""
        self._journal.trigger_event(Journal.Refused, reason=reason)
        self._back()

    def start_again(self, event: Any) -> None:
        """Takes another event that would start the instance: the first one has won."""
        self._journal.trigger_event(Journal.Ignored, event=event, reason="it has begun already")

    def hear(self, event: Any) -> None:
        """Takes an answer of a participant."""
        if isinstance(event, CommandFaulted):
            self._hear_fault(event)
        elif type(event) in self._definition.answers:
            step, undo, done = self._definition.answers[type(event)]
            outcome = Outcome.DONE if done else Outcome.REFUSED
            self._take(Answer(step.name, undo, outcome, _reason(event, done), event))
        else:
            reason = "it answers no step"
            self._journal.trigger_event(Journal.Ignored, event=event, reason=reason)

    def time_out(self, step_name: str) -> None:
        """Takes the end of a step's time: its outcome is unknown, which is not a refusal."""
        progress = self._journal.steps.get(step_name)
        if self._journal.state.ended or progress is None or progress.status is not StepStatus.ASKED:
            return
        step = self._definition.steps[step_name]
        within = None if progress.moved else self._within(step)
        in_time = "in time" if within is None else f"within {in_words(within)}"
        reason = f"{step_name}: no answer {in_time}"
        if step.kind in (PIVOT, RETRIABLE) and self._pause(step, progress) is not None:
            self._stop_pause(step)
            self._ask_once_more(step, progress)
        else:
            self._give_up(step, Answer(step_name, False, Outcome.UNKNOWN, reason, None))

    def ask_again(self, step_name: str) -> None:
        """Takes the end of the pause after a fault, or after an undo that was refused."""
        closing = self._closing(step_name)
        if closing is not None:
            progress = self._journal.closings[step_name]
            if progress.pausing:
                self._give(step_name, closing.ask, Role.CLOSE, progress.attempts + 1)
            return
        found = self._journal.steps.get(step_name)
        if self._journal.state.ended or found is None or not found.pausing:
            return
        role = Role.UNDO if found.status is StepStatus.UNDOING else Role.DO
        self._ask(self._definition.steps[step_name], role, found.attempts + 1)

    def _hear_fault(self, event: CommandFaulted) -> None:
        name, role = self._journal.asked[event.command_id]
        answer = Answer(name, role is Role.UNDO, Outcome.FAULTED, event.reason, event)
        if role is Role.CLOSE:
            self._take_fault_of_closing(answer)
        else:
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        if not self._is_wanted(answer):
            self._journal.trigger_event(Journal.Noted, answer=answer, heeded=False)
            return
        step = self._definition.steps[answer.step]
        if _is_failure(answer):
            self._try_again(step, answer)
        else:
            self._heed(step, answer)
            self._go_on()

    def _is_wanted(self, answer: Answer) -> bool:
        """Whether the answer changes anything; one that comes twice, late or early does not."""
        progress = self._journal.steps.get(answer.step)
        if self._journal.state.ended or progress is None:
            return False
        if not _is_failure(answer):
            return progress.status in _WAITS[answer.undo]
        return progress.status is _ASKED[answer.undo] and _is_of_now(answer, progress)

    def _try_again(self, step: Step, answer: Answer) -> None:
        pause = self._pause(step, self._journal.steps[step.name])
        if pause is None or (self._journal.turned and not answer.undo):
            self._give_up(step, answer)
        else:
            self._wait(step.name, answer, pause)

    def _wait(self, name: str, answer: Answer, pause: timedelta) -> None:
        """Notes that an attempt failed, and sets the timer for the next one."""
        noted = Answer(name, answer.undo, Outcome.FAULTED, answer.reason, answer.event)
        self._journal.trigger_event(Journal.Noted, answer=noted, heeded=True)
        due = StepDue(saga_key=self._journal.key, step=name)
        self.timers.append(SetTimer(self._timer(name, "due"), pause, due))

    def _take_fault_of_closing(self, answer: Answer) -> None:
        """The end stands, but its command is tried again, as behind the pivot: else it parks."""
        progress = self._journal.closings[answer.step]
        closing = self._closing(answer.step)
        wanted = progress.status is StepStatus.ASKED and _is_of_now(answer, progress)
        if closing is None or not wanted or self._journal.state is State.ABANDONED:
            self._journal.trigger_event(Journal.Noted, answer=answer, heeded=False)
            return
        pause = self._pause(closing, progress)
        if pause is not None:
            self._wait(answer.step, answer, pause)
            return
        stuck = Answer(answer.step, False, Outcome.STUCK, answer.reason, answer.event)
        self._journal.trigger_event(
            Journal.Parked, step=answer.step, reason=answer.reason, answer=stuck
        )

    def _give_up(self, step: Step, answer: Answer) -> None:
        """Too many faults, or no time left: before the pivot the way back, else a person."""
        forward_only = step.kind in (PIVOT, RETRIABLE)
        outcome = Outcome.STUCK if answer.undo or forward_only else Outcome.UNKNOWN
        self._heed(step, Answer(step.name, answer.undo, outcome, answer.reason, answer.event))
        self._go_on()

    def _heed(self, step: Step, answer: Answer) -> None:
        """The answer counts at once; it is recorded with the transition that it leads to."""
        self._note()
        self._answer = answer
        self._stop_pause(step)
        if self._within(step) is not None and not answer.undo:
            self.timers.append(CancelTimer(self._timer(step.name, "timeout")))
        self._journal.heed(answer)

    def _go_on(self) -> None:
        if self._journal.turned:
            self._back()
        else:
            self._forward()

    def _forward(self) -> None:
        """Asks for every step whose time has come, unless its answer was heard before that."""
        steps, early = self._journal.steps, self._journal.early
        for name, step in self._definition.steps.items():
            # One pass is enough: a step waits for none below it.
            if name in steps or not self._is_next(step):
                continue
            if name not in early:
                self._ask(step, Role.DO)
                continue
            self._note()
            self._answer = early[name]
            self._journal.heed(self._answer)
            if self._journal.turned:
                self._back()
                return
        if any(each.status is StepStatus.ASKED for each in steps.values()):
            self._note()
        elif not self._park(StepStatus.STUCK):
            self._end(self._definition.completing, State.COMPLETED)

    def _is_next(self, step: Step) -> bool:
        steps = self._journal.steps
        for name in step.after:
            if name not in steps or steps[name].status not in _BEHIND_US:
                return False
        return True

    def _back(self) -> None:
        """Undoes in reverse order of start, one at a time; one that is stuck stops no other."""
        self._stop_trying()
        steps = self._journal.steps
        if any(each.status in (StepStatus.ASKED, StepStatus.UNDOING) for each in steps.values()):
            self._note()
            return
        for name in reversed(steps):
            step = self._definition.steps[name]
            progress = steps[name]
            if step.undoing is not None and progress.status in _TO_UNDO:
                again = progress.status is StepStatus.UNDO_AGAIN
                self._ask(step, Role.UNDO, progress.attempts + 1 if again else 1)
                return
        if not self._park(StepStatus.UNDO_STUCK):
            self._end(self._definition.closing, State.COMPENSATED)

    def _stop_trying(self) -> None:
        """On the way back, a step that faulted is not asked for again: its outcome is unknown."""
        for name, progress in self._journal.steps.items():
            if progress.status is StepStatus.ASKED and progress.pausing:
                unknown = Answer(name, False, Outcome.UNKNOWN, progress.reason, None)
                self._heed(self._definition.steps[name], unknown)

    def _park(self, stuck: StepStatus) -> bool:
        """Waits for a person, if there is such a step; says whether there is."""
        for name, progress in self._journal.steps.items():
            if progress.status is stuck:
                self._record(Journal.Parked, step=name, reason=progress.reason)
                return True
        return False

    def _end(self, closing: Closing | None, state: State) -> None:
        if closing is not None and closing.name not in self._journal.closings:
            self._give(closing.name, closing.ask, Role.CLOSE, 1)
        reason = self._journal.reason if state is State.COMPENSATED else ""
        self._record(Journal.Ended, state=state, reason=reason)

    def _ask(self, step: Step, role: Role, attempt: int = 1) -> None:
        ask = step.undoing.ask if role is Role.UNDO and step.undoing else step.ask
        given = self._give(step.name, ask, role, attempt)
        if not given:
            self._record(Journal.Skipped, step=step.name)
        elif role is Role.DO and attempt == 1:
            self._limit(step)

    def _ask_once_more(self, step: Step, progress: StepProgress) -> None:
        """Asks again for what may still be done, with a new time limit."""
        self._ask(step, Role.DO, progress.attempts + 1)
        self._limit(step)

    def _limit(self, step: Step) -> None:
        within = self._within(step)
        if within is not None:
            timeout = StepTimedOut(saga_key=self._journal.key, step=step.name)
            self.timers.append(SetTimer(self._timer(step.name, "timeout"), within, timeout))

    def _give(self, name: str, ask: Ask, role: Role, attempt: int) -> bool:
        """Records the command that the method makes; says whether it made one."""
        made = ask(self._definition(self._journal))
        if made is None:
            if attempt > 1 or ask.__name__ not in self._definition.conditional:
                raise NoCommand(where=f"{self._definition.__name__}.{ask.__name__}")
            return False
        command = self._identified(made, f"{name}:{role.value}")
        self._record(
            requested(type(command)), step=name, role=role, attempt=attempt, command=command
        )
        return True

    def _identified(self, command: Command, what: str) -> Command:
        """The same request has the same id however often it is made: the idempotency key."""
        return command.model_copy(update={"id": named_id(self._journal.id, what)})

    def _note(self) -> None:
        """Records the answer at hand, if any, which led to nothing by itself."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._journal.trigger_event(Journal.Noted, answer=answer, heeded=True)

    def _record(self, event_class: type[Any], **facts: Any) -> None:
        """Records a transition with the answer that led to it; a parked instance goes on first."""
        answer, self._answer = self._answer, None
        journal = self._journal
        if journal.state is State.PARKED and event_class not in (Journal.Parked, Journal.Ended):
            state = State.COMPENSATING if journal.turned else State.RUNNING
            journal.trigger_event(
                Journal.Resumed, state=state, reason=journal.reason, answer=answer
            )
            answer = None
        journal.trigger_event(event_class, answer=answer, **facts)

    def _stop_pause(self, step: Step) -> None:
        if self._journal.steps[step.name].pausing:
            self.timers.append(CancelTimer(self._timer(step.name, "due")))

    def _timer(self, name: str, what: str) -> str:
        return f"{self._journal.key}:{name}:{what}"

    def _closing(self, name: str) -> Closing | None:
        for each in (self._definition.completing, self._definition.closing):
            if each is not None and each.name == name and name in self._journal.closings:
                return each
        return None

    def _within(self, step: Step) -> timedelta | None:
        within = self._timings.get(step.name, _NO_TIMING).within
        return step.within if within is None else within

    def _pause(self, of: Step | Closing, progress: StepProgress) -> timedelta | None:
        """How long to wait before the next attempt; None where there is none left."""
        retry = self._timings.get(of.name, _NO_TIMING).retry or of.retry
        return retry.pause(progress.attempts - progress.forgiven)


def _is_failure(answer: Answer) -> bool:
    """Whether it tells of an attempt that failed: by a fault, or by the refusal of an undo."""
    refused_undo = answer.undo and answer.outcome is Outcome.REFUSED
    return refused_undo or answer.outcome is Outcome.FAULTED


def _is_of_now(failure: Answer, progress: StepProgress) -> bool:
    """Whether it tells of the present attempt, and for the first time."""
    event = failure.event
    of_now = not isinstance(event, CommandFaulted) or event.attempt == progress.attempts
    return of_now and not progress.pausing


def _reason(event: Any, done: bool) -> str:
    return "" if done else str(getattr(event, "reason", "") or type(event).__name__)
