"""What can go wrong with one command of a saga, in words and in deeds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from sagaline.messaging.retry import Retry
from sagaline.saga.definition import RETRIABLE, Saga, Step
from sagaline.saga.state import Role
from sagaline.saga.step_timers import Timing
from sagaline.saga.steps import PIVOT, Kind

NOW = timedelta(0)
SLOW = timedelta(milliseconds=1)
"""After the answers to what was asked for at the same time, and before everything else."""

A_WHILE = timedelta(minutes=1)
"""How long an answer is pending where there is no time limit."""

LONG = timedelta(days=1)
"""When everything else is over."""


class ScriptedAnswer(NamedTuple):
    """When a participant says something, and what; it may find then that there is nothing to say.

    `crash`: the saga hears it, and crashes before that is written down.
    """

    after: timedelta
    say: Callable[[], Any]
    crash: bool = False


class AnsweringPart(Protocol):
    """What a participant can do about one command that it was given."""

    limit: timedelta | None
    """How long the saga waits for its answer."""

    def work(self) -> Any:
        """Does what is asked; the event that says so, or None where no event does."""

    def refusal(self, reason: str = "") -> Any:
        """Does nothing; the event that says so."""

    def fault(self, reason: str = "") -> Any:
        """The event that says that nobody knows."""


@dataclass(frozen=True)
class Fault:
    """One way in which one answer is not as one wishes."""

    words: str
    play: Callable[[AnsweringPart], Sequence[ScriptedAnswer]]
    fails: bool = False
    """It uses up an attempt of the step's `retry`."""
    lasting: bool = False
    """It is the same for every attempt, until somebody mends it."""
    turns: bool = False
    """It is a reason to turn round, before the pivot or at it."""


class FaultPoint(NamedTuple):
    """One command of a saga: which part of the declaration gives it, and what for."""

    name: str
    role: Role

    def __str__(self) -> str:
        return f"the undo of {self.name}" if self.role is Role.UNDO else self.name


def _faults(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, part.fault)]


def _works_and_faults(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    part.work()
    return [ScriptedAnswer(NOW, part.fault)]


def _refuses(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, part.refusal)]


def _refuses_late(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(_too_late(part), part.refusal)]


def _is_silent(_: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return []


def _works_slowly(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    answer = part.work()
    return [ScriptedAnswer(SLOW, lambda: answer)]


def _answers_late(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    answer = part.work()
    return [ScriptedAnswer(_too_late(part), lambda: answer)]


def _is_pending(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(A_WHILE if part.limit is None else part.limit / 4, part.work)]


def _is_pending_too_long(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(_too_late(part), part.work)]


def _answers_twice(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, part.work), ScriptedAnswer(NOW, part.work)]


def _answers_again(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, part.work), ScriptedAnswer(LONG, part.work)]


def _works_twice(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    part.work()
    return [ScriptedAnswer(NOW, part.work)]


def _is_heard_twice(part: AnsweringPart) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, part.work, crash=True)]


def _too_late(part: AnsweringPart) -> timedelta:
    return (part.limit or NOW) + SLOW


REFUSED = Fault("is refused", _refuses, turns=True)
REFUSED_LATE = Fault("is refused when its time is over", _refuses_late, turns=True)
REFUSED_ONCE = Fault("is refused once", _refuses, fails=True)
REFUSED_FOR_GOOD = Fault("is refused until somebody mends it", _refuses, fails=True, lasting=True)
FAULTED = Fault("faults, and nothing is done", _faults, fails=True)
FAULTED_DONE = Fault("faults, though it is done", _works_and_faults, fails=True)
DOWN = Fault("faults until somebody mends it", _faults, fails=True, lasting=True)
DOWN_DONE = Fault(
    "faults until somebody mends it, though it is done",
    _works_and_faults,
    fails=True,
    lasting=True,
)
SILENT = Fault(
    "is not answered until somebody mends it", _is_silent, fails=True, lasting=True, turns=True
)
LATE = Fault("is done, and answered when its time is over", _answers_late, fails=True, turns=True)
PENDING_LATE = Fault(
    "is pending, and done when its time is over", _is_pending_too_long, fails=True, turns=True
)
PENDING = Fault("is pending, and done in time", _is_pending)
SLOWLY = Fault("is answered after all the others", _works_slowly)
TWICE = Fault("is answered twice", _answers_twice)
AGAIN = Fault("is answered, and again a day later", _answers_again)
WORKS_TWICE = Fault("is done by a participant that crashes before its commit", _works_twice)
HEARD_TWICE = Fault("is answered to a saga that crashes before its commit", _is_heard_twice)

_ANY = (FAULTED, FAULTED_DONE, DOWN, DOWN_DONE, WORKS_TWICE)
_ANSWERED = (PENDING, SLOWLY, TWICE, AGAIN, HEARD_TWICE)
_LIMITED = (SILENT, LATE, PENDING_LATE)


def limit_of(step: Step, timings: Mapping[str, Timing]) -> timedelta | None:
    """How long a saga waits for a step, in a system with these timings."""
    timing = timings.get(step.name)
    return step.within if timing is None or timing.within is None else timing.within


def retry_of(step: Step, timings: Mapping[str, Timing]) -> Retry:
    """How often a step is tried again, in a system with these timings."""
    timing = timings.get(step.name)
    return step.retry if timing is None or timing.retry is None else timing.retry


def faults_of(
    saga: type[Saga], timings: Mapping[str, Timing]
) -> Iterator[tuple[FaultPoint, Sequence[Fault]]]:
    """All that can go wrong with each command, as far as the declaration allows for it."""
    for step in saga.steps.values():
        limited = _LIMITED if limit_of(step, timings) is not None else ()
        refused: Sequence[Fault] = (REFUSED,) if step.refused else ()
        late = (REFUSED_LATE,) if refused and limited else ()
        yield FaultPoint(step.name, Role.DO), (*refused, *_ANY, *limited, *late, *_ANSWERED)
        if step.undoing is not None:
            refused = (REFUSED_ONCE, REFUSED_FOR_GOOD) if step.undoing.refused else ()
            yield FaultPoint(step.name, Role.UNDO), (*refused, *_ANY, *_ANSWERED)
    for closing in (saga.completing, saga.closing):
        if closing is not None:
            yield FaultPoint(closing.name, Role.CLOSE), _ANY


def may_turn(kind: Kind | None, retry: Retry, faults: Sequence[Fault]) -> bool:
    """Whether what went wrong with a step is a reason to turn round."""
    if kind in (RETRIABLE, None):
        return False
    if kind is PIVOT:
        return any(each in (REFUSED, REFUSED_LATE) for each in faults)
    return any(each.turns for each in faults) or _exhausted(retry, faults)


def may_park(kind: Kind | None, role: Role, retry: Retry, faults: Sequence[Fault]) -> bool:
    """Whether what went wrong with a command is a reason to wait for a person."""
    forward = role is Role.DO and kind not in (PIVOT, RETRIABLE)
    return not forward and _exhausted(retry, faults)


def _exhausted(retry: Retry, faults: Sequence[Fault]) -> bool:
    failing = [each for each in faults if each.fails]
    return len(failing) >= retry.attempts or any(each.lasting for each in failing)
