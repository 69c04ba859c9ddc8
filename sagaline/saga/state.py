"""The state of a saga instance and of each of its steps, in the words that its stream stores."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sagaline.codec import LazyField, LazyNestedEvent


class State(Enum):
    """The state of a saga instance; the last three are its ends."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    PARKED = "parked"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    ABANDONED = "abandoned"

    @property
    def ended(self) -> bool:
        """Whether the instance has ended: no event, timer or operator changes it any more."""
        return self in (State.COMPLETED, State.COMPENSATED, State.ABANDONED)


OPEN_STATES: Final = tuple(each for each in State if not each.ended)


class Role(Enum):
    """The purpose of a command."""

    DO = "do"
    UNDO = "undo"
    CLOSE = "close"
    REMIND = "remind"
    """It is issued while the answer to a step is outstanding, and has no answer itself."""


class Action(Enum):
    """What an operator did to an instance."""

    RETRY = "retry"
    """Everything that is stuck was requested again."""
    SKIP = "skip"
    """A stuck step, or a stuck undo, was marked as handled by hand."""
    CANCEL = "cancel"
    """The instance was made to compensate."""
    ABANDON = "abandon"
    """The instance was ended without doing or undoing anything more."""
    RETRY_LETTER = "retry dead letter"
    DISCARD_LETTER = "discard dead letter"
    MOVE_TIMER = "move timer"
    CANCEL_TIMER = "cancel timer"


class Outcome(Enum):
    """What an answer, or its absence, means for the step."""

    DONE = "done"
    REFUSED = "refused"
    FAULTED = "faulted"
    """The attempt failed, and the step will be requested again."""
    UNKNOWN = "unknown"
    """No answer in time, or too many faults: the step may or may not have taken effect."""
    WAIVED = "waived"
    """The step has failed without effect, and the saga goes on without it."""
    DOUBTFUL = "doubtful"
    """The outcome is unknown; the saga undoes the step, and goes on without it."""
    STUCK = "stuck"
    """Only an operator can get the step done or undone."""


class StepStatus(Enum):
    """The status of one step of an instance."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    """It has failed, and the saga goes on without it."""
    STUCK = "stuck"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_STUCK = "undo stuck"
    SKIPPED = "skipped"
    """It was not requested, or an operator has handled it: there is nothing to undo."""
    UNDO_AGAIN = "undo again"
    """Its undo was stuck, and an operator wants it to be retried."""
    LEFT = "left"
    """Its undo was stuck, and an operator wants its effect to be left."""

    @property
    def stuck(self) -> bool:
        """Whether only an operator can change the step, or an answer that comes late."""
        return self in (StepStatus.STUCK, StepStatus.UNDO_STUCK)

    @property
    def in_flight(self) -> bool:
        """Whether a command was issued for the step, or for its undo, and not yet answered."""
        return self in (StepStatus.ASKED, StepStatus.UNDOING)


@dataclass(frozen=True)
class Answer:
    """One input of a saga: the event that answers a step, or the end of its time limit."""

    step: str
    undo: bool
    outcome: Outcome
    reason: str
    event: LazyNestedEvent | None = LazyField()

    @property
    def failed(self) -> bool:
        """Whether an attempt failed: by a fault, or because an undo was refused."""
        return self.outcome is Outcome.FAULTED or (self.undo and self.outcome is Outcome.REFUSED)


_ANSWERED = {
    (False, Outcome.DONE): StepStatus.DONE,
    (False, Outcome.REFUSED): StepStatus.REFUSED,
    (False, Outcome.UNKNOWN): StepStatus.UNKNOWN,
    (False, Outcome.WAIVED): StepStatus.WAIVED,
    (False, Outcome.DOUBTFUL): StepStatus.UNKNOWN,
    (False, Outcome.STUCK): StepStatus.STUCK,
    (True, Outcome.DONE): StepStatus.UNDONE,
    (True, Outcome.STUCK): StepStatus.UNDO_STUCK,
}
"""The status after an answer, by whether it answers the undo, and its outcome."""


@dataclass
class StepProgress:
    """The progress of one step. Attempts are counted from 1, for the role requested last."""

    status: StepStatus
    attempts: int = 1
    forgiven: int = 0
    """Attempts that no longer count against `retry`, because an operator asked for a retry."""
    pausing: bool = False
    """The last attempt failed, and the step is requested again when its pause ends."""
    moved: bool = False
    """An operator has moved one of its timers, so the declared time limit does not hold."""
    reason: str = ""
    """The reason that the last answer gave, where it was not the wanted one."""
    why: str = ""
    """Why the step itself has failed."""
    event: Any = None
    """The event that answered the step itself."""

    def apply_answer(self, answer: Answer, event: Any) -> None:
        """Applies an answer to the step or to its undo, with its event."""
        self.pausing = answer.outcome is Outcome.FAULTED
        self.reason = answer.reason
        if not answer.undo and not self.pausing:
            self.event, self.why = event, answer.reason
        self.status = _ANSWERED.get((answer.undo, answer.outcome), self.status)

    def apply_request(self, status: StepStatus, attempt: int) -> None:
        """Applies a further command for the step, or the first one for its undo."""
        if attempt == 1:
            self.forgiven = 0
        self.status, self.attempts, self.pausing = status, attempt, False

    def apply_retry(self) -> None:
        """Gives a stuck step all its attempts again."""
        if self.status is StepStatus.UNDO_STUCK:
            self.status = StepStatus.UNDO_AGAIN
        self.forgiven = self.attempts

    def apply_skip(self) -> None:
        """Marks a stuck step as skipped, or its effect as left where its undo is stuck."""
        undo = self.status is StepStatus.UNDO_STUCK
        self.status = StepStatus.LEFT if undo else StepStatus.SKIPPED
