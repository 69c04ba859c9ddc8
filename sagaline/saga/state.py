"""How far a saga instance is, and each of its steps: the words that its stream is written in."""

from dataclasses import dataclass
from enum import Enum

from sagaline.codec import LazyField, LazyNestedEvent


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


class Action(Enum):
    """What a person did to an instance."""

    RETRY = "retry"
    """What is stuck is asked for again."""
    SKIP = "skip"
    """A step, or an undo, that is stuck counts as dealt with by hand."""
    CANCEL = "cancel"
    """It turns round."""
    ABANDON = "abandon"
    """It is closed as it is."""
    RETRY_LETTER = "retry dead letter"
    DISCARD_LETTER = "discard dead letter"
    MOVE_TIMER = "move timer"
    CANCEL_TIMER = "cancel timer"


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


class StepStatus(Enum):
    """Where one step of an instance is."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    STUCK = "stuck"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_STUCK = "undo stuck"
    SKIPPED = "skipped"
    """It was not asked for, or a person has dealt with it: there is nothing to undo."""
    UNDO_AGAIN = "undo again"
    """Its undo was stuck, and a person wants it to be tried again."""
    LEFT = "left"
    """Its undo was stuck, and a person wants its effect to be left."""


@dataclass(frozen=True)
class Answer:
    """One input of a saga: the event heard for a step, or the time that ran out for it."""

    step: str
    undo: bool
    outcome: Outcome
    reason: str
    event: LazyNestedEvent | None = LazyField()


@dataclass
class StepProgress:
    """How far one step has come. Attempts are counted from 1, for the role asked for last."""

    status: StepStatus
    attempts: int = 1
    forgiven: int = 0
    """Attempts that its `retry` no longer counts, as a person has asked for more."""
    pausing: bool = False
    """It faulted, and is asked for again when its pause is over."""
    moved: bool = False
    """A person has moved one of its timers, so its time is not what was declared."""
    reason: str = ""
    """What the last answer gave as its reason, if it was not the one that was wanted."""
