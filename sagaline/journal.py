"""A saga instance's own stream: what it heard, what it asked for, and how it ended.

Inputs and outputs stand in one stream, as in Emmett's workflow, so an instance is rebuilt from its
own log alone, and its history can be read by a person. A command is an event in this log, stored
under the command's own topic: the participants that follow the log find it there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from typing import Any, Self
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate
from eventsourcing.utils import construct_topic, get_topic
from typing_extensions import override

from sagaline.codec import Heard
from sagaline.commands import Command


class State(Enum):
    """Where a saga instance is; the last three are its ends."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    PARKED = "parked"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    ABANDONED = "abandoned"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself or by a person."""
        return self in (State.COMPLETED, State.COMPENSATED, State.ABANDONED)


class Role(Enum):
    """What a command is for."""

    DO = "do"
    UNDO = "undo"
    CLOSE = "close"


class Outcome(Enum):
    """What an answer, or its absence, means for the step."""

    DONE = "done"
    REFUSED = "refused"
    FAULTED = "faulted"
    """It will be asked for again."""
    UNKNOWN = "unknown"
    """No answer in time, or too many faults: it may or may not have taken effect."""
    STUCK = "stuck"
    """It can be neither done nor undone without a person."""


class Status(Enum):
    """Where one step of an instance is."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    STUCK = "stuck"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_STUCK = "undo stuck"


@dataclass(frozen=True)
class Answer:
    """One input of a saga: the event heard for a step, or the time that ran out for it."""

    step: str
    undo: bool
    outcome: Outcome
    reason: str
    event: Heard | None


@dataclass
class Progress:
    """How far one step has come. Attempts are counted from 1, for the role asked for last."""

    status: Status
    attempts: int = 1
    pausing: bool = False
    """It faulted, and is asked for again when its pause is over."""
    reason: str = ""
    """What the last answer gave as its reason, if it was not the one that was wanted."""


_AFTER = {
    (False, Outcome.DONE): Status.DONE,
    (False, Outcome.REFUSED): Status.REFUSED,
    (False, Outcome.UNKNOWN): Status.UNKNOWN,
    (False, Outcome.STUCK): Status.STUCK,
    (True, Outcome.DONE): Status.UNDONE,
    (True, Outcome.STUCK): Status.UNDO_STUCK,
}


@lru_cache(65_536)
def journal_id(saga: str, key: str) -> UUID:
    """The stream of the instance of `saga` for one business transaction."""
    return uuid5(NAMESPACE_URL, f"saga:{saga}:{key}")


class Journal(Aggregate):
    """The history of one saga instance, and the state that follows from it."""

    class Started(Aggregate.Created):
        saga: str
        key: str
        fingerprint: str
        plan: tuple[str, ...]
        event: Heard

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

    class Parked(Aggregate.Event):
        """The instance cannot go on by itself: it waits for a person."""

        step: str
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.state = State.PARKED

    class Ended(Aggregate.Event):
        """Nothing more will happen."""

        state: State
        reason: str
        answer: Answer | None

        @override
        def apply(self, journal: "Journal") -> None:
            journal.heed(self.answer)
            journal.state = self.state

    def __init__(
        self, saga: str, key: str, fingerprint: str, plan: tuple[str, ...], event: Any
    ) -> None:
        self.saga = saga
        self.key = key
        self.fingerprint = fingerprint
        self.plan = plan
        self.state = State.RUNNING
        self.reason = ""
        self.heard: dict[type, Any] = {type(event): event}
        self.steps: dict[str, Progress] = {}
        self.early: dict[str, Answer] = {}
        self.asked: dict[UUID, tuple[str, Role]] = {}

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

    def heed(self, answer: Answer | None) -> None:
        """Takes an answer into the state. Heeding the same answer twice changes nothing."""
        if answer is None:
            return
        if answer.event is not None:
            self.heard[type(answer.event)] = answer.event
        progress = self.steps.setdefault(answer.step, Progress(Status.ASKED))
        progress.pausing = answer.outcome is Outcome.FAULTED
        progress.reason = answer.reason
        after = _AFTER.get((answer.undo, answer.outcome))
        if after is not None:
            progress.status = after
        if not answer.undo and after in (Status.REFUSED, Status.UNKNOWN):
            self.reason = answer.reason

    def keep(self, answer: Answer) -> None:
        """Keeps the first answer to a step that has not been asked for yet, until it is."""
        tells = answer.outcome in (Outcome.DONE, Outcome.REFUSED)
        if tells and not answer.undo and answer.step not in self.steps:
            self.early.setdefault(answer.step, answer)

    def ask(self, request: "Journal.Requested") -> None:
        """Takes a command that was given into the state."""
        self.asked[request.command.id] = (request.step, request.role)
        if request.role is Role.CLOSE:
            return
        undo = request.role is Role.UNDO
        self.state = State.COMPENSATING if undo else State.RUNNING
        status = Status.UNDOING if undo else Status.ASKED
        if request.step in self.steps:
            progress = self.steps[request.step]
            progress.status, progress.attempts = status, request.attempt
            progress.pausing = False
        else:
            self.steps[request.step] = Progress(status, request.attempt)


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


__all__ = [
    "Answer",
    "Journal",
    "Outcome",
    "Progress",
    "Role",
    "State",
    "Status",
    "journal_id",
    "requested",
]
