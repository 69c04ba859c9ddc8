"""The state of one saga instance, as it follows from the events of its stream."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sagaline.codec import held_event
from sagaline.messaging.by_class import lineage
from sagaline.saga.children import Call
from sagaline.saga.commanded import heard_in
from sagaline.saga.group import Group
from sagaline.saga.items import step_name
from sagaline.saga.state import Action, Answer, Outcome, Role, State, StepProgress, StepStatus


class InstanceState:
    """What the events of a journal have led to: the steps, the answers, the requests."""

    def __init__(self, saga: str, key: str) -> None:
        self.saga, self.key = saga, key
        self.run = 1  # of those for its key
        self.last_run = 1  # of its key; known to the first run alone
        self.state = State.RUNNING
        self.compensating = False  # stays true while it is parked, and after its end
        self.reason = ""  # why it compensates
        self.received: dict[type, Any] = {}  # the last event of each class and its subclasses
        self.history: list[Any] = []  # all events that had an effect, in the order of receipt
        self.steps: dict[str, StepProgress] = {}  # and items of steps, in the order of start
        self.groups: dict[str, Group] = {}  # of the steps that have items
        self.in_flight: set[str] = set()  # the steps and items whose answer is outstanding
        self.closings: dict[str, StepProgress] = {}
        self.reminders: dict[str, StepProgress] = {}  # each time one was issued: remind_boss#2
        self.early_answers: dict[str, Answer] = {}
        self.early_heard: list[Any] = []  # from outside, before the start
        self.requests: dict[UUID, tuple[str, Role]] = {}  # step and role by command id
        self.locks: tuple[str, ...] = ()
        self.calls: list[Call] = []  # of parent sagas, without an answer yet
        self.fingerprint = ""

    @property
    def parts(self) -> dict[str, StepProgress]:
        """The progress of every step, item and closing command that was requested."""
        return {**self.steps, **self.closings}

    @property
    def started(self) -> bool:
        """Whether the event that starts the instance was received."""
        return bool(self.history)

    @property
    def start_event(self) -> Any:
        """The event, or the command, that started the instance."""
        return self.history[0]

    def apply_start(self, event: Any, fingerprint: str, run: int = 1) -> None:
        """Applies the event that starts the instance to the state."""
        self.run = run
        self.fingerprint = fingerprint
        for each in (event, *self.early_heard):
            self.receive(each)

    def hear(self, event: Any) -> None:
        """Applies a signal or an event from outside; before the start it is kept for later."""
        if self.started:
            self.receive(event)
        else:
            self.early_heard.append(event)

    def apply_answer(self, answer: Answer | None) -> None:
        """Applies an answer to the state. Applying the same answer twice changes nothing."""
        if answer is None:
            return
        event = heard_in(held_event(answer, "event"))
        known = self.received.get(type(event))
        if event is not None and known is not event and known != event:
            self.receive(event)
        aside = self.closings.get(answer.step) or self.reminders.get(answer.step)
        if aside is not None:
            aside.apply_answer(answer, event)
            return
        known_step = self.steps.get(answer.step)
        before = None if known_step is None else known_step.status
        progress = known_step or StepProgress(StepStatus.ASKED)
        self.steps[answer.step] = progress
        progress.apply_answer(answer, event)
        self._follow(answer.step, before)
        if not answer.undo and answer.outcome in (Outcome.REFUSED, Outcome.UNKNOWN):
            self.start_compensating(answer.reason)

    def receive(self, event: Any) -> None:
        """Applies that an event was heard, or a command."""
        self.received.update(dict.fromkeys(lineage(event), event))
        self.history.append(event)

    def keep_early_answer(self, answer: Answer) -> None:
        """Keeps the first answer to a step that is not started yet, and drops all others."""
        new = not answer.undo and answer.step not in self.steps
        if new and answer.outcome in (Outcome.DONE, Outcome.REFUSED):
            self.early_answers.setdefault(answer.step, answer)

    def apply_request(self, step: str, role: Role, attempt: int, command_id: UUID | None) -> None:
        """Applies a command that was issued, or a step that waits without one, to the state."""
        if command_id is not None:
            self.requests[command_id] = (step, role)
        aside = {Role.CLOSE: self.closings, Role.REMIND: self.reminders}.get(role)
        if aside is None:
            self.state = State.COMPENSATING if self.compensating else State.RUNNING
        status = StepStatus.UNDOING if role is Role.UNDO else StepStatus.ASKED
        known = self.steps if aside is None else aside
        progress = known.get(step)
        before = None if progress is None else progress.status
        if progress is None:
            known[step] = StepProgress(status, attempt)
        else:
            progress.apply_request(status, attempt)
        if aside is None:
            self._follow(step, before)

    def apply_skip(self, step: str) -> None:
        """Applies that a step is neither requested nor undone."""
        self.steps[step] = StepProgress(StepStatus.SKIPPED)

    def apply_intervention(self, action: Action, step: str, reason: str) -> None:
        """Applies what an operator did to the state."""
        if action is Action.RETRY:
            for name, each in self.parts.items():
                if each.status.stuck:
                    self._change(name, each, each.apply_retry)
        elif action is Action.SKIP:
            progress = self.closings.get(step) or self.steps[step]
            self._change(step, progress, progress.apply_skip)
        elif action is Action.CANCEL:
            self.start_compensating(reason)
        elif action is Action.MOVE_TIMER and step in self.steps:
            self.steps[step].moved = True

    def apply_take_back(self, reason: str) -> None:
        """Compensates from now on, also after the end."""
        self.start_compensating(reason)
        self.state = State.COMPENSATING

    def start_compensating(self, reason: str) -> None:
        """Compensates from now on; the first reason is kept."""
        if not self.compensating:
            self.compensating, self.reason = True, reason
        if self.state is State.RUNNING:
            self.state = State.COMPENSATING

    def _change(self, name: str, progress: StepProgress, change: Callable[[], None]) -> None:
        before = progress.status
        change()
        if name in self.steps:
            self._follow(name, before)

    def _follow(self, name: str, before: StepStatus | None) -> None:
        """Follows the status of a step or an item: what is in flight, and how far its group is."""
        now = self.steps[name].status
        if now.in_flight:
            self.in_flight.add(name)
        else:
            self.in_flight.discard(name)
        step = step_name(name) if self.groups else name
        if step != name and now is not before:
            self.groups[step].count(before, now)
