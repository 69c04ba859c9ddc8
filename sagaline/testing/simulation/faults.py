"""The faults that one command of a saga can have, and what each may lead to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sagaline.messaging.retry import Retry, declared_or_patient
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import RETRIABLE, Saga, Step
from sagaline.saga.kinds import PIVOT, Kind
from sagaline.saga.state import Role
from sagaline.saga.step_timers import Timing
from sagaline.testing.simulation.scripted_attempt import Attempt, FaultPoint, ScriptedAnswer

NOW = timedelta(0)
SHORT_DELAY = timedelta(milliseconds=1)
"""After the answers to all commands of the same moment, and before any timer."""

PENDING_DELAY = timedelta(minutes=1)
"""How long an answer is pending without a time limit."""

LONG_DELAY = timedelta(days=1)
"""After the end of the saga."""


@dataclass(frozen=True)
class Fault:
    """One way in which an attempt at a command goes wrong."""

    description: str
    answers: Callable[[Attempt], Sequence[ScriptedAnswer]]
    fails: bool = False
    """It uses up an attempt of the step's `retry`."""
    permanent: bool = False
    """It recurs at every attempt until it is repaired."""
    compensates: bool = False
    """It is a reason to compensate, before the pivot or at it."""


def no_answer(_: Attempt) -> Sequence[ScriptedAnswer]:
    """Neither works nor answers."""
    return []


def done_and_answered_after(attempt: Attempt, delay: timedelta) -> Sequence[ScriptedAnswer]:
    """Works now, and answers after a delay."""
    event = attempt.work()
    return [ScriptedAnswer(delay, lambda: event)]


def _refused(attempt: Attempt) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, attempt.refusal)]


def _faulted(attempt: Attempt) -> Sequence[ScriptedAnswer]:
    return [ScriptedAnswer(NOW, attempt.fault)]


def _done_and_faulted(attempt: Attempt) -> Sequence[ScriptedAnswer]:
    attempt.work()
    return _faulted(attempt)


def _done_twice(attempt: Attempt) -> Sequence[ScriptedAnswer]:
    attempt.work()
    return [ScriptedAnswer(NOW, attempt.work)]


def _pending(attempt: Attempt) -> Sequence[ScriptedAnswer]:
    delay = PENDING_DELAY if attempt.limit is None else attempt.limit / 4
    return [ScriptedAnswer(delay, attempt.work)]


def _too_late(attempt: Attempt) -> timedelta:
    return (attempt.limit or NOW) + SHORT_DELAY


REFUSED = Fault("is refused", _refused, compensates=True)
REFUSED_LATE = Fault(
    "is refused after its time limit",
    lambda attempt: [ScriptedAnswer(_too_late(attempt), attempt.refusal)],
    compensates=True,
)
REFUSED_ONCE = Fault("is refused once", _refused, fails=True)
REFUSED_FOR_GOOD = Fault("is refused until repaired", _refused, fails=True, permanent=True)
FAULTED = Fault("faults without effect", _faulted, fails=True)
FAULTED_DONE = Fault("faults after its effect", _done_and_faulted, fails=True)
DOWN = Fault("faults without effect until repaired", _faulted, fails=True, permanent=True)
DOWN_DONE = Fault(
    "faults after its effect until repaired", _done_and_faulted, fails=True, permanent=True
)
SILENT = Fault(
    "is not answered until repaired", no_answer, fails=True, permanent=True, compensates=True
)
LATE = Fault(
    "is performed in time, and answered after its time limit",
    lambda attempt: done_and_answered_after(attempt, _too_late(attempt)),
    fails=True,
    compensates=True,
)
PENDING_LATE = Fault(
    "is pending, and performed after its time limit",
    lambda attempt: [ScriptedAnswer(_too_late(attempt), attempt.work)],
    fails=True,
    compensates=True,
)
PENDING = Fault("is pending, and performed in time", _pending)
SLOW = Fault(
    "is answered after all other commands",
    lambda attempt: done_and_answered_after(attempt, SHORT_DELAY),
)
ANSWERED_TWICE = Fault("is answered twice", lambda attempt: [ScriptedAnswer(NOW, attempt.work)] * 2)
ANSWERED_AGAIN = Fault(
    "is answered, and answered again a day later",
    lambda attempt: [ScriptedAnswer(each, attempt.work) for each in (NOW, LONG_DELAY)],
)
DONE_TWICE = Fault("is performed by a participant that crashes before its commit", _done_twice)
HANDLED_TWICE = Fault(
    "is answered to a saga that crashes before its commit",
    lambda attempt: [ScriptedAnswer(NOW, attempt.work, crash=True)],
)

_ANY = (FAULTED, FAULTED_DONE, DOWN, DOWN_DONE, DONE_TWICE)
_ANSWERED = (PENDING, SLOW, ANSWERED_TWICE, ANSWERED_AGAIN, HANDLED_TWICE)
_REMINDED = (FAULTED, DOWN)
_LIMITED = (SILENT, LATE, PENDING_LATE)


def timing_of(step: Step, timings: Mapping[str, Timing]) -> tuple[timedelta | None, Retry]:
    """The time limit and the `retry` of a step in a system with these timings."""
    timing = timings.get(step.name, Timing())
    within = step.within if timing.within is None else timing.within
    return within, declared_or_patient(timing.retry or step.retry, within)


def faults_of(
    saga: type[Saga], timings: Mapping[str, Timing]
) -> Iterator[tuple[FaultPoint, Sequence[Fault]]]:
    """Yields each command with the faults that the saga's definition allows for."""
    for step in saga_declaration(saga).steps.values():
        yield from ((FaultPoint(each.name, Role.REMIND), _REMINDED) for each in step.reminders)
        limited = _LIMITED if timing_of(step, timings)[0] is not None else ()
        refused: Sequence[Fault] = (REFUSED,) if step.refused else ()
        late = (REFUSED_LATE,) if refused and limited else ()
        port = () if step.waits else _ANY
        yield FaultPoint(step.name, Role.DO), (*refused, *port, *limited, *late, *_ANSWERED)
        if step.undoing is not None:
            refused = (REFUSED_ONCE, REFUSED_FOR_GOOD) if step.undoing.refused else ()
            yield FaultPoint(step.name, Role.UNDO), (*refused, *_ANY, *_ANSWERED)
    for closing in (saga_declaration(saga).completing, saga_declaration(saga).closing):
        if closing is not None:
            yield FaultPoint(closing.name, Role.CLOSE), _ANY


def may_compensate(kind: Kind | None, retry: Retry, faults: Sequence[Fault]) -> bool:
    """Whether these faults of a step are a reason to compensate."""
    if kind in (RETRIABLE, None):
        return False
    if kind is PIVOT:
        return any(each in (REFUSED, REFUSED_LATE) for each in faults)
    return any(each.compensates for each in faults) or _exhausted(retry, faults)


def may_park(kind: Kind | None, role: Role, retry: Retry, faults: Sequence[Fault]) -> bool:
    """Whether these faults of a command are a reason to park."""
    forward = role is Role.DO and kind not in (PIVOT, RETRIABLE)
    return not forward and role is not Role.REMIND and _exhausted(retry, faults)


def _exhausted(retry: Retry, faults: Sequence[Fault]) -> bool:
    failing = [each for each in faults if each.fails]
    return len(failing) >= retry.attempts or any(each.permanent for each in failing)
