"""Decides what a saga instance does next: which commands to issue and which timers to set.

It is pure: it records events in the journal and collects timer changes. The order in which it
handles one input is documented in docs/how-a-saga-runs.md, and a test pins it.
"""

from collections.abc import Mapping
from typing import Any

from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.lazy import flattened
from sagaline.messaging.retry import in_words
from sagaline.messaging.timers import TimerChange
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.journal_writer import JournalWriter
from sagaline.saga.state import Answer, Outcome, Role, State, StepProgress, StepStatus
from sagaline.saga.step_timers import StepTimers, Timing
from sagaline.saga.steps import NO_EFFECT, PIVOT, RETRIABLE, Closing, Step

_REQUESTED = {False: StepStatus.ASKED, True: StepStatus.UNDOING}
"""The status of a step that was requested, and of one whose undo was requested."""

_ANSWERABLE = {
    False: (StepStatus.ASKED, StepStatus.STUCK),
    True: (StepStatus.UNDOING, StepStatus.UNDO_STUCK),
}
"""The statuses in which an answer to a step, or to its undo, has an effect."""

_PASSED = (StepStatus.DONE, StepStatus.SKIPPED)
"""The statuses that let the steps after a step start."""

_TO_UNDO = (StepStatus.DONE, StepStatus.UNKNOWN, StepStatus.UNDO_AGAIN)


class SagaEngine:
    """Leads one saga instance through its steps: forward, or back by their undos."""

    def __init__(self, saga: type[Saga], journal: Journal, timings: Mapping[str, Timing]) -> None:
        self._saga = saga
        self._declaration = saga_declaration(saga)
        self._journal = journal
        self._timers = StepTimers(journal.key, timings)
        self._writer = JournalWriter(saga, journal)

    @property
    def timers(self) -> list[TimerChange]:
        """The timer changes to be stored together with the recorded events, in their order."""
        return self._timers.changes

    def start(self) -> None:
        """Requests the first steps."""
        self._go_forward()

    def queue_for_locks(self) -> tuple[str, ...]:
        """Records which locks must be held before the first step, and returns their names, sorted.

        Returns no names where the saga declares no locks.
        """
        locks = self._declaration.locks
        if locks is None:
            return ()
        found = locks.names(self._saga(self._journal))
        names = tuple(sorted(set(flattened([found], f"{self._saga.__name__}.{locks.name}"))))
        if names:
            self._journal.trigger_event(Journal.Locking, names=names)
        return names

    def refuse_start(self, reason: str) -> None:
        """Compensates before the first step, as another instance holds a lock."""
        self._journal.trigger_event(Journal.Refused, reason=reason)
        self._compensate()

    def ignore_start(self, event: Any) -> None:
        """Records a second event that would start the instance; the first one did."""
        self._journal.trigger_event(Journal.Ignored, event=event, reason="it has already started")

    def ignore_reply(self, event: Any) -> None:
        """Records an event that would answer a step, and answers another saga's command."""
        reason = "it answers another saga's command: a step hears it with done=from_others(...)"
        self._journal.trigger_event(Journal.Ignored, event=event, reason=reason)

    def handle_answer(self, event: Any) -> None:
        """Handles an event of a participant: an answer, or a fault."""
        if isinstance(event, CommandFaulted):
            self._handle_fault(event)
            return
        meaning = self._declaration.meanings[type(event)]
        if meaning is not None and meaning in self._declaration.answers:
            step, undo, done = self._declaration.answers[meaning]
            outcome = Outcome.DONE if done else Outcome.REFUSED
            reason = "" if done else str(getattr(event, "reason", "") or type(event).__name__)
            self._handle(Answer(step.name, undo, outcome, reason, event))
        else:
            reason = "it answers no step"
            self._journal.trigger_event(Journal.Ignored, event=event, reason=reason)

    def handle_timeout(self, step_name: str) -> None:
        """Handles the end of a step's time limit: its outcome is unknown, which is not refused."""
        progress = self._journal.steps.get(step_name)
        if self._journal.state.ended or progress is None or progress.status is not StepStatus.ASKED:
            return
        step = self._declaration.steps[step_name]
        within = None if progress.moved else self._timers.time_limit(step)
        in_time = "in time" if within is None else f"within {in_words(within)}"
        reason = f"{step_name}: no answer {in_time}"
        if _is_forward_only(step) and self._timers.next_pause(step, progress) is not None:
            self._stop_pause(step_name)
            self._request_with_new_limit(step, progress)
        else:
            self._give_up(step, Answer(step_name, False, Outcome.UNKNOWN, reason, None))

    def handle_pause_end(self, name: str) -> None:
        """Requests a step, an undo or a closing command again after a failed attempt."""
        closing = self._started_closing(name)
        if closing is not None:
            progress = self._journal.closings[name]
            if progress.pausing:
                self._writer.issue(name, closing.make_command, Role.CLOSE, progress.attempts + 1)
            return
        found = self._journal.steps.get(name)
        if self._journal.state.ended or found is None or not found.pausing:
            return
        role = Role.UNDO if found.status is StepStatus.UNDOING else Role.DO
        self._request(self._declaration.steps[name], role, found.attempts + 1)

    def _handle_fault(self, event: CommandFaulted) -> None:
        name, role = self._journal.requests[event.command_id]
        answer = Answer(name, role is Role.UNDO, Outcome.FAULTED, event.reason, event)
        if role is Role.CLOSE:
            self._handle_closing_fault(answer)
        else:
            self._handle(answer)

    def _handle(self, answer: Answer) -> None:
        if not self._is_expected(answer):
            self._writer.note(answer, heeded=False)
            return
        step = self._declaration.steps[answer.step]
        if answer.failed:
            self._retry_later(step, answer)
        else:
            self._apply(answer)
            self._proceed()

    def _is_expected(self, answer: Answer) -> bool:
        """Whether an answer has an effect; a duplicate, a late or an early one has none."""
        progress = self._journal.steps.get(answer.step)
        if self._journal.state.ended or progress is None:
            return False
        if answer.failed:
            current = progress.status is _REQUESTED[answer.undo]
            return current and _is_first_of_attempt(answer, progress)
        return progress.status in _ANSWERABLE[answer.undo]

    def _retry_later(self, step: Step, answer: Answer) -> None:
        pause = self._timers.next_pause(step, self._journal.steps[step.name])
        if pause is None or (self._journal.compensating and not answer.undo):
            self._give_up(step, answer)
            return
        failed = Answer(step.name, answer.undo, Outcome.FAULTED, answer.reason, answer.event)
        self._writer.note(failed, heeded=True)
        self._timers.start_pause(step.name, pause)

    def _handle_closing_fault(self, answer: Answer) -> None:
        """Retries a closing command after the end of the saga; parks without attempts left."""
        progress = self._journal.closings[answer.step]
        closing = self._started_closing(answer.step)
        current = progress.status is StepStatus.ASKED and _is_first_of_attempt(answer, progress)
        if closing is None or not current or self._journal.state is State.ABANDONED:
            self._writer.note(answer, heeded=False)
            return
        pause = self._timers.next_pause(closing, progress)
        if pause is not None:
            self._writer.note(answer, heeded=True)
            self._timers.start_pause(answer.step, pause)
            return
        stuck = Answer(answer.step, False, Outcome.STUCK, answer.reason, answer.event)
        self._journal.trigger_event(
            Journal.Parked, step=answer.step, reason=answer.reason, answer=stuck
        )

    def _give_up(self, step: Step, answer: Answer) -> None:
        """Ends the attempts at a step: before the pivot it is unknown, else it is stuck."""
        stuck = answer.undo or _is_forward_only(step)
        outcome = Outcome.STUCK if stuck else Outcome.UNKNOWN
        self._apply(Answer(step.name, answer.undo, outcome, answer.reason, answer.event))
        self._proceed()

    def _apply(self, answer: Answer) -> None:
        self._stop_pause(answer.step)
        if not answer.undo:
            self._timers.stop_time_limit(self._declaration.steps[answer.step])
        self._writer.apply(answer)

    def _proceed(self) -> None:
        if self._journal.compensating:
            self._compensate()
        else:
            self._go_forward()

    def _go_forward(self) -> None:
        """Starts every step that can start, or applies the answer to it that came early."""
        steps, early = self._journal.steps, self._journal.early_answers
        for name, step in self._declaration.steps.items():
            # One pass is enough: a step waits only for steps that are declared above it.
            if name in steps or not self._can_start(step):
                continue
            if name not in early:
                self._request(step, Role.DO)
                continue
            self._writer.apply(early[name])
            if self._journal.compensating:
                self._compensate()
                return
        if any(each.status is StepStatus.ASKED for each in steps.values()):
            self._writer.note_applied()
        elif not self._park(StepStatus.STUCK):
            self._end(self._declaration.completing, State.COMPLETED)

    def _can_start(self, step: Step) -> bool:
        steps = self._journal.steps
        for name in step.after:
            if name not in steps or steps[name].status not in _PASSED:
                return False
        return True

    def _compensate(self) -> None:
        """Undoes one step at a time, in reverse order of start; a stuck undo stops no other."""
        self._stop_waiting()
        steps = self._journal.steps
        if any(each.status.in_flight for each in steps.values()):
            self._writer.note_applied()
            return
        for name in reversed(steps):
            step, progress = self._declaration.steps[name], steps[name]
            if step.undoing is not None and progress.status in _TO_UNDO:
                again = progress.status is StepStatus.UNDO_AGAIN
                self._request(step, Role.UNDO, progress.attempts + 1 if again else 1)
                return
        if not self._park(StepStatus.UNDO_STUCK):
            self._end(self._declaration.closing, State.COMPENSATED)

    def _stop_waiting(self, *, cancelled: bool = False) -> None:
        """Gives up steps that pause or have no effect, and all in flight of a cancelled saga."""
        for name, progress in self._journal.steps.items():
            at_once = (
                cancelled or progress.pausing or self._declaration.steps[name].kind is NO_EFFECT
            )
            if progress.status is StepStatus.ASKED and at_once:
                self._apply(Answer(name, False, Outcome.UNKNOWN, progress.reason, None))

    def _park(self, stuck: StepStatus) -> bool:
        """Parks the instance if a step has this status; returns whether one has."""
        for name, progress in self._journal.steps.items():
            if progress.status is stuck:
                self._writer.record(Journal.Parked, step=name, reason=progress.reason)
                return True
        return False

    def _end(self, closing: Closing | None, state: State) -> None:
        if closing is not None and closing.name not in self._journal.closings:
            self._writer.issue(closing.name, closing.make_command, Role.CLOSE, 1)
        reason = self._journal.reason if state is State.COMPENSATED else ""
        self._writer.record(Journal.Ended, state=state, reason=reason)

    def _request(self, step: Step, role: Role, attempt: int = 1) -> None:
        part = step.undoing if role is Role.UNDO and step.undoing else step
        if not self._writer.issue(step.name, part.make_command, role, attempt):
            self._writer.record(Journal.Skipped, step=step.name)
        elif role is Role.DO and attempt == 1:
            self._timers.start_time_limit(step)

    def _request_with_new_limit(self, step: Step, progress: StepProgress) -> None:
        self._request(step, Role.DO, progress.attempts + 1)
        self._timers.start_time_limit(step)

    def _stop_pause(self, name: str) -> None:
        if self._journal.steps[name].pausing:
            self._timers.stop_pause(name)

    def _started_closing(self, name: str) -> Closing | None:
        """The closing command of this name, if it was issued."""
        for each in (self._declaration.completing, self._declaration.closing):
            if each is not None and each.name == name and name in self._journal.closings:
                return each
        return None


def _is_forward_only(step: Step) -> bool:
    return step.kind in (PIVOT, RETRIABLE)


def _is_first_of_attempt(failure: Answer, progress: StepProgress) -> bool:
    """Whether a failure is about the current attempt, and the first report of it."""
    event = failure.event
    current = not isinstance(event, CommandFaulted) or event.attempt == progress.attempts
    return current and not progress.pausing
