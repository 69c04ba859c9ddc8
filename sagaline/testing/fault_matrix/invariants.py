"""What must be true at the end of a run, whatever went wrong on the way."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

from sagaline.messaging.retry import Retry
from sagaline.saga.definition import NO_EFFECT, Saga
from sagaline.saga.instance import Journal
from sagaline.saga.state import Role, State, StepStatus
from sagaline.saga.step_timers import Timing
from sagaline.saga.steps import Kind
from sagaline.testing.simulation.faults import (
    NOW,
    Fault,
    FaultPoint,
    limit_of,
    may_park,
    may_turn,
    retry_of,
)
from sagaline.testing.simulation.script import Script, ScriptedParticipants


class Excuses(NamedTuple):
    """What a saga may do in a case, because of what goes wrong in it."""

    turn: bool
    park: frozenset[str]
    """The parts of the declaration at which it may wait for a person."""


def excuses(saga: type[Saga], timings: Mapping[str, Timing], script: Script) -> Excuses:
    """What this script is an excuse for."""
    turn = False
    park: set[str] = set()
    for place, faults in script.items():
        kind, retry, within = _declared(saga, timings, place)
        late = within is not None and _pauses(retry, faults) > within / 2
        if place.role is Role.DO and (may_turn(kind, retry, faults) or late):
            turn = True
        if may_park(kind, place.role, retry, faults) or late:
            park.add(place.name)
    return Excuses(turn, frozenset(park))


def wrong_while_parked(
    cast: ScriptedParticipants, journal: Journal, excused: Excuses
) -> Iterator[str]:
    """What is wrong with a saga that waits for a person."""
    stuck = [name for name, each in _known(journal) if each in _STUCK]
    for name in stuck:
        if name not in excused.park:
            yield f"the saga is parked at {name}, though nothing is broken there for good"
    if journal.compensating:
        for name in journal.steps:
            if name not in stuck and cast.effects.there(name) > 0:
                yield f"the saga is parked, and has left {name} in place"
    yield from _counted(cast)


def wrong_at_the_end(
    saga: type[Saga], cast: ScriptedParticipants, journal: Journal, excused: Excuses
) -> Iterator[str]:
    """What is wrong with a saga when nothing more happens."""
    if not journal.state.ended:
        yield _not_ended(journal)
    if journal.state is State.COMPENSATED and not excused.turn:
        yield "the saga has turned round, though nothing was refused, and no time was over"
    if journal.state is State.COMPLETED:
        yield from _never_done(saga, journal)
    if journal.state.ended:
        yield from _effects(saga, cast, journal)
    yield from _counted(cast)


def _never_done(saga: type[Saga], journal: Journal) -> Iterator[str]:
    for name in saga.steps:
        progress = journal.steps.get(name)
        if progress is None or progress.status not in (StepStatus.DONE, StepStatus.SKIPPED):
            yield f"the saga is completed, and {name} was never done"


def _effects(saga: type[Saga], cast: ScriptedParticipants, journal: Journal) -> Iterator[str]:
    for name, step in saga.steps.items():
        if step.kind is NO_EFFECT and journal.state is State.COMPLETED:
            continue
        there = cast.effects.there(name)
        progress = journal.steps.get(name)
        done = progress is not None and progress.status is StepStatus.DONE
        wanted = int(done and journal.state is State.COMPLETED)
        if there > wanted:
            yield f"the effect of {name} is left over: {_account(cast, name)}"
        elif there < wanted:
            yield f"the effect of {name} is missing: {_account(cast, name)}"
    for name in journal.closings:
        if not cast.effects.there(name):
            yield f"{name} was asked for at last, and never done"


def _counted(cast: ScriptedParticipants) -> Iterator[str]:
    for name in sorted({*cast.effects.taken, *cast.effects.taken_back}):
        if cast.effects.taken[name] > 1:
            yield f"the effect of {name} is doubled: {_account(cast, name)}"
        if cast.effects.there(name) < 0:
            yield f"{name} was taken back, and was not there: {_account(cast, name)}"


def _account(cast: ScriptedParticipants, name: str) -> str:
    taken, back = cast.effects.taken[name], cast.effects.taken_back[name]
    return f"{_times('done', taken)}, {_times('taken back', back)}"


def _times(what: str, count: int) -> str:
    return f"never {what}" if count == 0 else f"{what} {_COUNTS.get(count, f'{count} times')}"


def _not_ended(journal: Journal) -> str:
    waits = [
        name for name, each in _known(journal) if each in (StepStatus.ASKED, StepStatus.UNDOING)
    ]
    if journal.state is State.PARKED:
        return "the saga is still parked, though everything is mended"
    return f"the saga waits for ever for the answer to {', '.join(waits)}"


def _known(journal: Journal) -> Iterator[tuple[str, StepStatus]]:
    for name, progress in (*journal.steps.items(), *journal.closings.items()):
        yield name, progress.status


def _declared(
    saga: type[Saga], timings: Mapping[str, Timing], place: FaultPoint
) -> tuple[Kind | None, Retry, timedelta | None]:
    step = saga.steps.get(place.name)
    if step is not None:
        within = limit_of(step, timings) if place.role is Role.DO else None
        return step.kind, retry_of(step, timings), within
    closings = [each for each in (saga.completing, saga.closing) if each is not None]
    return None, next(each.retry for each in closings if each.name == place.name), None


def _pauses(retry: Retry, faults: tuple[Fault, ...] | object) -> timedelta:
    """How long all the pauses between the attempts are that fail."""
    assert isinstance(faults, tuple)
    failing = sum(each.fails for each in faults)
    return sum((retry.pause(each) or NOW for each in range(1, failing + 1)), NOW)


_COUNTS = {1: "once", 2: "twice"}
_STUCK = (StepStatus.STUCK, StepStatus.UNDO_STUCK)
