"""A saga instance's own stream: what it heard, what it asked for, and how it ended.

Inputs and outputs stand in one stream, as in Emmett's workflow, so an instance is rebuilt from its
own log alone, and its history can be read by a person. A command is an event in this log, stored
under the command's own topic: the participants that follow the log find it there.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate
from eventsourcing.utils import construct_topic, get_topic
from typing_extensions import override

from sagaline.codec import LazyField, LazyNestedEvent, NestedEvent
from sagaline.messaging.commands import Command
from sagaline.messaging.ids import named_id
from sagaline.messaging.topics import fix_topic, keep_former_topic
from sagaline.saga.state import Action, Answer, Outcome, Role, State, StepProgress, StepStatus

_AFTER = {
    (False, Outcome.DONE): StepStatus.DONE,
    (False, Outcome.REFUSED): StepStatus.REFUSED,
    (False, Outcome.UNKNOWN): StepStatus.UNKNOWN,
    (False, Outcome.STUCK): StepStatus.STUCK,
    (True, Outcome.DONE): StepStatus.UNDONE,
    (True, Outcome.STUCK): StepStatus.UNDO_STUCK,
}


@lru_cache(65_536)
def journal_id(saga: str, key: str) -> UUID:
    """The stream of the instance of `saga` for one business transaction."""
    name = f"saga:{saga}:{key}"
    try:
        return named_id(UUID(key), name)  # so that the streams lie in the order of the keys
    except ValueError:
        return uuid5(NAMESPACE_URL, name)


class Journal(Aggregate):
    """The history of one saga instance, and the state that follows from it."""

    class Started(Aggregate.Created):
        saga: str
        key: str
        fingerprint: str
        plan: tuple[str, ...]
        event: LazyNestedEvent = LazyField()

        @override
        def apply(self, journal: "Journal") -> None:
            journal.begin(self.fingerprint, self.plan, self.event)

    class Awaited(Aggregate.Created):
        """An answer came before the event that starts the instance; it is kept until then."""

        saga: str
        key: str

    class Begun(Aggregate.Event):
        """The event that starts the instance came after an answer; see `Started`."""

        saga: str
        key: str
        fingerprint: str
        plan: tuple[str, ...]
        event: LazyNestedEvent = LazyField()

        @override
        def apply(self, journal: "Journal") -> None:
            journal.begin(self.fingerprint, self.plan, self.event)

    class Locking(Aggregate.Event):
        """The instance queues for these locks, and begins when it is the first on each of them."""

        names: tuple[str, ...]

        @override
        def apply(self, journal: "Journal") -> None:
            journal.locks = self.names

    class Refused(Aggregate.Event):
        """The instance must not begin: another one holds a lock that it would not wait for."""

        reason: str

        @override
        def apply(self, journal: "Journal") -> None:
            journal.turn(self.reason)

    class Requested(Aggregate.Event):
        """A command was given. Subclasses, one for each class of command, type the command."""

        step: str
        role: Role
        attempt: int
        command: Command
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.ask(self)

    class Skipped(Aggregate.Event):
        """The condition of a step was not met: it is not asked for, and will not be undone."""

        step: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.steps[self.step] = StepProgress(StepStatus.SKIPPED)

    class Noted(Aggregate.Event):
        """An answer was heard that asks for nothing now.

        Unheeded where it came twice or late; where it came early, it is kept until it is wanted.
        """

        answer: Answer
        heeded: bool

        @override
        def apply(self, journal: "Journal") -> None:
            if self.heeded:
                journal.heed(self.answer)
            else:
                journal.keep(self.answer)

    class Ignored(Aggregate.Event):
        """An event came that means nothing here: a second start, or one that nobody listens for."""

        event: NestedEvent
        reason: str

    class Parked(Aggregate.Event):
        """The instance cannot go on by itself: it waits for a person."""

        step: str
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.state = State.PARKED

    class Intervened(Aggregate.Event):
        """A person did something: who, and why. What follows from it is recorded behind it."""

        action: Action
        step: str
        by: str
        reason: str

        @override
        def apply(self, journal: "Journal") -> None:
            journal.obey(self)

    class Resumed(Aggregate.Event):
        """A parked instance goes on: a late answer came, or a person saw to it.

        `reason` is why it turned round, empty where it goes forward.
        """

        state: State
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.state = self.state

    class Ended(Aggregate.Event):
        """Nothing more will happen."""

        state: State
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.state = self.state

    def __init__(self, saga: str, key: str) -> None:
        self.saga = saga
        self.key = key
        self.state = State.RUNNING
        self.turned = False
        """Whether it is on its way back."""
        self.reason = ""
        self.heard: dict[type, Any] = {}
        self.history: list[Any] = []
        self.steps: dict[str, StepProgress] = {}
        self.closings: dict[str, StepProgress] = {}
        self.early: dict[str, Answer] = {}
        self.asked: dict[UUID, tuple[str, Role]] = {}
        self.locks: tuple[str, ...] = ()
        self.fingerprint = ""
        self.plan: tuple[str, ...] = ()

    @classmethod
    def start(cls, saga: str, key: str, event: Any, fingerprint: str, plan: Iterable[str]) -> Self:
        """Opens the stream of a new instance with the event that starts it."""
        return cls._create(
            cls.Started,
            id=journal_id(saga, key),
            saga=saga,
            key=key,
            fingerprint=fingerprint,
            plan=tuple(plan),
            event=event,
        )

    @classmethod
    def awaiting(cls, saga: str, key: str) -> Self:
        """Opens the stream of an instance that has yet to be started."""
        return cls._create(cls.Awaited, id=journal_id(saga, key), saga=saga, key=key)

    def start_late(self, event: Any, fingerprint: str, plan: Iterable[str]) -> None:
        """Takes the event that starts an instance of which answers came first."""
        self.trigger_event(
            self.Begun,
            saga=self.saga,
            key=self.key,
            fingerprint=fingerprint,
            plan=tuple(plan),
            event=event,
        )

    @property
    def started(self) -> bool:
        """Whether the event that starts the instance was heard."""
        return bool(self.history)

    def begin(self, fingerprint: str, plan: Iterable[str], event: Any) -> None:
        """Takes the event that starts the instance into the state."""
        self.fingerprint = fingerprint
        self.plan = tuple(plan)
        self.heard[type(event)] = event
        self.history.append(event)

    def heed(self, answer: Answer | None) -> None:
        """Takes an answer into the state. Heeding the same answer twice changes nothing."""
        if answer is None:
            return
        if answer.event is not None:
            self._hear(answer.event)
        progress = self.closings.get(answer.step) or self.steps.setdefault(
            answer.step, StepProgress(StepStatus.ASKED)
        )
        progress.pausing = answer.outcome is Outcome.FAULTED
        progress.reason = answer.reason
        after = _AFTER.get((answer.undo, answer.outcome))
        if after is not None:
            progress.status = after
        if after in (StepStatus.REFUSED, StepStatus.UNKNOWN):
            self.turn(answer.reason)

    def keep(self, answer: Answer) -> None:
        """Keeps the first answer to a step that has not been asked for yet, until it is."""
        tells = answer.outcome in (Outcome.DONE, Outcome.REFUSED)
        if tells and not answer.undo and answer.step not in self.steps:
            self.early.setdefault(answer.step, answer)

    def ask(self, request: "Journal.Requested") -> None:
        """Takes a command that was given into the state."""
        self.asked[request.command.id] = (request.step, request.role)
        undo = request.role is Role.UNDO
        known = self.closings if request.role is Role.CLOSE else self.steps
        if request.role is not Role.CLOSE:
            self.state = State.COMPENSATING if undo else State.RUNNING
        status = StepStatus.UNDOING if undo else StepStatus.ASKED
        progress = known.get(request.step)
        if progress is None:
            known[request.step] = StepProgress(status, request.attempt)
        else:
            if request.attempt == 1:
                progress.forgiven = 0
            progress.status, progress.attempts = status, request.attempt
            progress.pausing = False

    def obey(self, order: "Journal.Intervened") -> None:
        """Takes what a person did into the state."""
        if order.action is Action.RETRY:
            for each in (*self.steps.values(), *self.closings.values()):
                if each.status in _STUCK:
                    each.status = _AGAIN.get(each.status, each.status)
                    each.forgiven = each.attempts
        elif order.action is Action.SKIP:
            progress = self.closings.get(order.step) or self.steps[order.step]
            progress.status = _DROPPED[progress.status]
        elif order.action is Action.CANCEL:
            self.turn(order.reason)
        elif order.action is Action.MOVE_TIMER and order.step in self.steps:
            self.steps[order.step].moved = True

    def turn(self, reason: str) -> None:
        """From here on it goes back; the first reason stands."""
        if not self.turned:
            self.turned = True
            self.reason = reason
        if self.state is State.RUNNING:
            self.state = State.COMPENSATING

    def _hear(self, event: Any) -> None:
        known = self.heard.get(type(event))
        if known is not event and known != event:
            self.heard[type(event)] = event
            self.history.append(event)


_STUCK = (StepStatus.STUCK, StepStatus.UNDO_STUCK)
_AGAIN = {StepStatus.UNDO_STUCK: StepStatus.UNDO_AGAIN}
_DROPPED = {StepStatus.STUCK: StepStatus.SKIPPED, StepStatus.UNDO_STUCK: StepStatus.LEFT}


_TOPICS = {
    "Started": "SagaStarted",
    "Awaited": "SagaAwaited",
    "Begun": "SagaStartedLate",
    "Locking": "SagaLocking",
    "Refused": "SagaRefused",
    "Requested": "CommandRequested",
    "Skipped": "StepSkipped",
    "Noted": "AnswerNoted",
    "Ignored": "EventIgnored",
    "Parked": "SagaParked",
    "Intervened": "SagaIntervened",
    "Resumed": "SagaResumed",
    "Ended": "SagaEnded",
}

fix_topic(Journal, "sagaline:Saga", former="sagaline.journal:Journal")
for _name, _topic in _TOPICS.items():
    _former = f"sagaline.journal:Journal.{_name}"
    fix_topic(getattr(Journal, _name), f"sagaline:{_topic}", former=_former)
for _name in ("Created", "Event"):
    keep_former_topic(getattr(Journal, _name), f"sagaline.journal:Journal.{_name}")


@cache
def requested(command: type[Command]) -> type[Journal.Requested]:
    """The event class that says that a command of this class was given.

    It bears the command's topic, so a log shows ``ReserveStock`` where one was given, and a
    participant can ask the log for just the commands that it handles.
    """
    event_class = type(
        f"Requested{command.__name__}",
        (Journal.Requested,),
        {
            "__annotations__": {"command": command},
            "__module__": command.__module__,
            "__qualname__": f"Requested{command.__qualname__}",
            "TOPIC": construct_topic(command),
        },
    )
    get_topic(event_class)
    return event_class
