"""The event-sourced state of one saga instance: a stream of its own holds its inputs and outputs.

Inputs and outputs stand in one stream, so an instance is rebuilt from its own stream alone. A
command is an event of this stream, stored under its own topic, by which participants find it.
"""

from collections.abc import Iterable
from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import Aggregate
from typing_extensions import override

from sagaline.codec import LazyField, LazyNestedEvent, NestedEvent, held_event
from sagaline.messaging.commands import Command
from sagaline.messaging.topics import fix_topic, keep_former_topic
from sagaline.saga.children import Call
from sagaline.saga.commanded import OfCommand, heard_in
from sagaline.saga.group import Group
from sagaline.saga.instance_state import InstanceState
from sagaline.saga.runs import journal_id
from sagaline.saga.state import Action, Answer, Role, State
from sagaline.saga.topics import EVENT_TOPICS, FORMER_JOURNAL


class Journal(InstanceState, Aggregate):
    """One saga instance: its events, and the state that follows from them."""

    class Started(Aggregate.Created):
        """The event that starts the saga was received; `plan` names the declared steps."""

        saga: str
        key: str
        fingerprint: str
        plan: tuple[str, ...]
        event: LazyNestedEvent = LazyField()
        run: int = 1

        @override
        def apply(self, journal: "Journal") -> None:
            event = heard_in(held_event(self, "event"))
            journal.apply_start(event, self.fingerprint, self.run)

    class RunBegun(Aggregate.Event):
        """A later run of the same key began, with a stream of its own; the first run names it."""

        run: int

        @override
        def apply(self, journal: "Journal") -> None:
            journal.last_run = self.run

    class Awaited(Aggregate.Created):
        """An answer was received before the event that starts the instance."""

        saga: str
        key: str

    class Begun(Aggregate.Event):
        """The event that starts the instance was received after an answer; see `Started`."""

        saga: str
        key: str
        fingerprint: str
        plan: tuple[str, ...]
        event: LazyNestedEvent = LazyField()

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_start(heard_in(held_event(self, "event")), self.fingerprint)

    class Locking(Aggregate.Event):
        """The instance queues for these locks, and starts when it is the first in each queue."""

        names: tuple[str, ...]

        @override
        def apply(self, journal: "Journal") -> None:
            journal.locks = self.names

    class Refused(Aggregate.Event):
        """The start was refused: another instance holds a lock that this one does not wait for."""

        reason: str

        @override
        def apply(self, journal: "Journal") -> None:
            journal.start_compensating(self.reason)

    class Requested(OfCommand, Aggregate.Event):
        """A command was issued. There is a subclass for each class of command."""

        step: str
        role: Role
        attempt: int
        command: Command
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.apply_request(self.step, self.role, self.attempt, self.command.id)

    class Waiting(Aggregate.Event):
        """A step without a command has started: it waits for an event from outside."""

        step: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.apply_request(self.step, Role.DO, 1, None)

    class Dropped(Aggregate.Event):
        """A reminder was given up after its last attempt had failed; the saga goes on."""

        step: str
        reason: str
        answer: Answer

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)

    class Skipped(Aggregate.Event):
        """The condition of a step was not met: it is neither requested nor undone."""

        step: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.apply_skip(self.step)

    class FannedOut(Aggregate.Event):
        """A step is requested once for each of so many items: ``reserve_line[0]`` and so on."""

        step: str
        items: int
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.groups[self.step] = Group(self.items)

    class Noted(Aggregate.Event):
        """An answer was received that leads to no command now.

        It is not heeded where it is a duplicate, or comes late or early; an early one is kept
        until its step is due.
        """

        answer: Answer
        heeded: bool

        @override
        def apply(self, journal: "Journal") -> None:
            if self.heeded:
                journal.apply_answer(self.answer)
            else:
                journal.keep_early_answer(self.answer)

    class Ignored(Aggregate.Event):
        """An event was received that has no effect: a second start, or no answer to a step."""

        event: NestedEvent
        reason: str

    class Parked(Aggregate.Event):
        """Only an operator, or a late answer, can move the instance on."""

        step: str
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.state = State.PARKED

    class Intervened(Aggregate.Event):
        """An operator acted: who, and why. The events after it record what followed."""

        action: Action
        step: str
        by: str
        reason: str

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_intervention(self.action, self.step, self.reason)

    class Resumed(Aggregate.Event):
        """A parked instance resumed; `reason` says why it compensates, if it does."""

        state: State
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.state = self.state

    class Ended(Aggregate.Event):
        """The instance has ended: no event, timer or operator changes it any more."""

        state: State
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_answer(self.answer)
            journal.state = self.state

    class Signalled(Aggregate.Event):
        """The instance has received a signal, or an event from outside; later commands use it."""

        event: LazyNestedEvent = LazyField()

        @override
        def apply(self, journal: "Journal") -> None:
            journal.hear(heard_in(held_event(self, "event")))

    class Called(Aggregate.Event):
        """Another saga asked for this instance as one of its steps, or asked to take it back."""

        saga: str
        key: str
        request: UUID
        take_back: str

        @override
        def apply(self, journal: "Journal") -> None:
            journal.calls.append(Call(self.saga, self.key, self.request, self.take_back))

    class TakenBack(Aggregate.Event):
        """The instance compensates as its parent asked, even if it was completed."""

        reason: str

        @override
        def apply(self, journal: "Journal") -> None:
            journal.apply_take_back(self.reason)

    class Replied(Aggregate.Event):
        """The parent is told the end of this instance: `done` as it asked, or not."""

        saga: str
        key: str
        request: UUID
        done: bool
        reason: str
        result: str = ""
        """What a completed instance hands on, as JSON."""

        @override
        def apply(self, journal: "Journal") -> None:
            journal.calls = [each for each in journal.calls if each.request != self.request]

    def __init__(self, saga: str, key: str) -> None:
        InstanceState.__init__(self, saga, key)

    @classmethod
    def start(
        cls, saga: str, key: str, event: Any, fingerprint: str, plan: Iterable[str], run: int = 1
    ) -> Self:
        """Opens the stream of a new instance with the event that starts it."""
        facts: dict[str, Any] = {"fingerprint": fingerprint, "plan": tuple(plan), "event": event}
        id_ = journal_id(saga, key, run)
        return cls._create(cls.Started, id=id_, saga=saga, key=key, run=run, **facts)

    @classmethod
    def await_start(cls, saga: str, key: str) -> Self:
        """Opens the stream of an instance of which an answer came before its start."""
        return cls._create(cls.Awaited, id=journal_id(saga, key), saga=saga, key=key)

    def start_late(self, event: Any, fingerprint: str, plan: Iterable[str]) -> None:
        """Starts an instance that was opened by `await_start`."""
        facts: dict[str, Any] = {"fingerprint": fingerprint, "plan": tuple(plan), "event": event}
        self.trigger_event(self.Begun, saga=self.saga, key=self.key, **facts)


fix_topic(Journal, "sagaline:Saga", former=FORMER_JOURNAL)
for _name, _topic in EVENT_TOPICS.items():
    fix_topic(getattr(Journal, _name), _topic, former=f"{FORMER_JOURNAL}.{_name}")
for _name in ("Created", "Event"):
    keep_former_topic(getattr(Journal, _name), f"{FORMER_JOURNAL}.{_name}")

__all__ = ["Journal", "journal_id"]
