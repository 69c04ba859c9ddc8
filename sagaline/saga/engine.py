"""Decides what a saga instance does next: which commands to issue and which timers to set.

It is pure: it records events in the journal and collects timer changes. The order in which it
handles one input is documented in docs/how-a-saga-runs.md, and a test pins it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.lazy import flattened
from sagaline.messaging.retry import in_words
from sagaline.messaging.timers import TimerChange
from sagaline.saga.children import Call
from sagaline.saga.closings import Closing
from sagaline.saga.commanded import heard_in
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.matching import Match, answered
from sagaline.saga.others import OF_ANOTHER
from sagaline.saga.progression import Progression
from sagaline.saga.state import Answer, Outcome, Role, State, StepProgress, StepStatus
from sagaline.saga.step_timers import Timing
from sagaline.saga.steps import Step
from sagaline.saga.versions import version_for

_REQUESTED = {False: StepStatus.ASKED, True: StepStatus.UNDOING}
"""The status of a step that was requested, and of one whose undo was requested."""

_ANSWERABLE = {
    False: (StepStatus.ASKED, StepStatus.STUCK),
    True: (StepStatus.UNDOING, StepStatus.UNDO_STUCK),
}
"""The statuses in which an answer to a step, or to its undo, has an effect."""


class SagaEngine:
    """Leads one saga instance through its steps: forward, or back by their undos.

    It follows the definition that the instance goes on by, which may be a former one of `saga`.
    """

    def __init__(self, saga: type[Saga], journal: Journal, timings: Mapping[str, Timing]) -> None:
        saga = version_for(saga, journal.fingerprint)
        self._saga = saga
        self._declaration = saga_declaration(saga)
        self._journal = journal
        self._progression = Progression(saga, journal, timings)
        self._timers = self._progression.timers
        self._writer = self._progression.writer

    @property
    def timers(self) -> list[TimerChange]:
        """The timer changes to be stored together with the recorded events, in their order."""
        return self._timers.changes

    def start(self) -> None:
        """Requests the first steps."""
        self._progression.go_forward()

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
        self._progression.compensate()

    def ignore_start(self, event: Any) -> None:
        """Records a second event that would start the instance; the first one did."""
        self._journal.trigger_event(Journal.Ignored, event=event, reason="it has already started")

    def note_call(self, call: Call) -> None:
        """Records that another saga waits for this instance, as for one of its steps."""
        self._journal.trigger_event(Journal.Called, **call._asdict())

    def refuse_call(self, call: Call) -> None:
        """Answers another saga that would start the instance, which was started already."""
        self.note_call(call)
        reason = f"{self._journal.saga} {self._journal.key} was started already"
        self._progression.answer(call, False, reason)

    def take_back(self, call: Call) -> None:
        """Ends the instance with nothing done, as the saga wants that it is a step of."""
        self.note_call(call)
        self._progression.take_back(call.take_back)

    def handle_reply(self, reply: Journal.Replied) -> None:
        """Handles the end of a child saga: the answer to its step, or to its undo."""
        name, role = self._journal.requests[reply.request]
        outcome = Outcome.DONE if reply.done else Outcome.REFUSED
        self._handle(Answer(name, role is Role.UNDO, outcome, reply.reason, reply))

    def ignore_reply(self, event: Any) -> None:
        """Records an event that would answer a step, and answers another saga's command."""
        reason = f"{OF_ANOTHER}: a step hears it with done=from_others(...)"
        self._journal.trigger_event(Journal.Ignored, event=event, reason=reason)

    def handle_answer(self, event: Any, request: UUID | None = None) -> None:
        """Handles an event of a participant: an answer to the command `request`, or a fault."""
        if isinstance(event, CommandFaulted):
            self._handle_fault(event)
            return
        found = answered(self._declaration, self._journal, event, request)
        if not isinstance(found, str):
            self._handle(_answer_of(found, event))
        elif self._declaration.heard_from_outside(event) and not self._journal.state.ended:
            self._journal.trigger_event(Journal.Signalled, event=event)
        else:
            ended = f"it has ended, {self._journal.state.value}"
            reason = ended if self._declaration.heard_from_outside(event) else found
            self._journal.trigger_event(Journal.Ignored, event=event, reason=reason)

    def handle_signal(self, event: Journal.Requested) -> str | None:
        """Handles what a caller tells the instance; returns why not, where it comes too late."""
        if self._journal.state.ended:
            return f"it has ended, {self._journal.state.value}"
        found = answered(self._declaration, self._journal, event.command, None)
        if isinstance(found, str):
            self._journal.trigger_event(Journal.Signalled, event=event)
            return None
        progress = self._journal.steps.get(found.name)
        if progress is not None and progress.status not in _ANSWERABLE[False]:
            return f"{found.name} is {progress.status.value} already"
        self._handle(_answer_of(found, event))
        return None

    def handle_timeout(self, step_name: str) -> None:
        """Handles the end of a step's time limit: its outcome is unknown, which is not refused."""
        progress = self._journal.steps.get(step_name)
        if self._journal.state.ended or progress is None or progress.status is not StepStatus.ASKED:
            return
        step = self._declaration.step_of(step_name)
        reason = f"{step_name}: no answer {self._in_time(step, progress)}"
        if step.is_forward_only and self._timers.has_attempts_after_limit(step, progress):
            self._progression.stop_pause(step_name)
            self._progression.request_with_new_limit(step_name, progress)
        else:
            self._give_up(step, Answer(step_name, False, Outcome.UNKNOWN, reason, None))

    def handle_reminder(self, name: str, number: int) -> None:
        """Issues a reminder for the so manyth time, where its step is still unanswered."""
        self._progression.reminding.remind(name, number)

    def handle_pause_end(self, name: str) -> None:
        """Requests a step, an undo, a reminder or a closing command again after a failure."""
        if name in self._journal.reminders:
            self._progression.reminding.repeat(name)
            return
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
        self._progression.request(name, role, found.attempts + 1)

    def _handle_fault(self, event: CommandFaulted) -> None:
        name, role = self._journal.requests[event.command_id]
        answer = Answer(name, role is Role.UNDO, Outcome.FAULTED, event.reason, event)
        if role is Role.REMIND:
            self._progression.reminding.handle_fault(answer, event.attempt)
        elif role is Role.CLOSE:
            self._handle_closing_fault(answer)
        else:
            self._handle(answer)

    def _handle(self, answer: Answer) -> None:
        if not self._is_expected(answer):
            self._writer.note(answer, heeded=False)
            return
        if answer.failed:
            self._retry_later(self._declaration.step_of(answer.step), answer)
        else:
            self._progression.apply(self._progression.borne(answer))
            self._progression.proceed()

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
        name = answer.step
        pause = self._timers.next_pause(step, self._journal.steps[name])
        if pause is None or (self._journal.compensating and not answer.undo):
            self._give_up(step, answer)
            return
        failed = Answer(name, answer.undo, Outcome.FAULTED, answer.reason, answer.event)
        self._writer.note(failed, heeded=True)
        self._timers.start_pause(name, pause)

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
        """Ends the attempts at a step: before the pivot it is unknown, else it is stuck.

        A step that waits without a command is refused: it has no effect.
        """
        stuck = answer.undo or (
            step.is_forward_only and not self._progression.may_fail(answer.step)
        )
        outcome = Outcome.STUCK if stuck else Outcome.REFUSED if step.waits else Outcome.UNKNOWN
        given_up = Answer(answer.step, answer.undo, outcome, answer.reason, answer.event)
        self._progression.apply(self._progression.borne(given_up))
        self._progression.proceed()

    def _in_time(self, step: Step, progress: StepProgress) -> str:
        """The limits that a step has not kept: ``within 15 min``, ``until 2027-01-31 12:00``."""
        if progress.moved:
            return "in time"
        within, date = self._timers.time_limit(step), self._progression.deadline(step)
        limits = [] if within is None else [f"within {in_words(within)}"]
        limits += [] if date is None else [f"until {date.isoformat(' ', 'minutes')}"]
        return ", or ".join(limits) or "in time"

    def _started_closing(self, name: str) -> Closing | None:
        """The closing command of this name, if it was issued."""
        for each in (self._declaration.completing, self._declaration.closing):
            if each is not None and each.name == name and name in self._journal.closings:
                return each
        return None


def _answer_of(found: Match, event: Any) -> Answer:
    """The answer that an event gives, or the command that it holds, by what it answers."""
    heard = heard_in(event)
    outcome = Outcome.DONE if found.done else Outcome.REFUSED
    reason = "" if found.done else str(getattr(heard, "reason", "") or type(heard).__name__)
    return Answer(found.name, found.undo, outcome, reason, event)


def _is_first_of_attempt(failure: Answer, progress: StepProgress) -> bool:
    """Whether a failure is about the current attempt, and the first report of it."""
    event = failure.event
    current = not isinstance(event, CommandFaulted) or event.attempt == progress.attempts
    return current and not progress.pausing
