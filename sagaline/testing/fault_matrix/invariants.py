"""What must hold at the end of a run, whatever went wrong in it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from sagaline.messaging.retry import Retry, declared_or_patient
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import NO_EFFECT, Saga
from sagaline.saga.instance import Journal
from sagaline.saga.items import step_name
from sagaline.saga.kinds import Kind
from sagaline.saga.reminders import REMINDER_RETRY
from sagaline.saga.state import Role, State, StepStatus
from sagaline.saga.step_timers import Timing
from sagaline.testing.saga_status import SagaStatus
from sagaline.testing.simulation.faults import NOW, Fault, may_compensate, may_park, timing_of
from sagaline.testing.simulation.script import Script, ScriptedParticipants
from sagaline.testing.simulation.scripted_attempt import FaultPoint


class Allowed(NamedTuple):
    """What a saga may do in a case because of the faults in it."""

    compensate: bool
    park: frozenset[str]
    """The steps and closing commands at which it may park."""
    fail: frozenset[str]
    """The steps and items that may have failed where it completes."""
    by_others: frozenset[str] = frozenset()
    """The steps that may be done by what another saga, or its participants, have done."""


def allowed_by(saga: type[Saga], timings: Mapping[str, Timing], script: Script) -> Allowed:
    """What the faults of this script allow the saga to do."""
    compensate = False
    park: set[str] = set()
    fail: set[str] = set()
    for point, faults in script.items():
        kind, retry, within = _declared(saga, timings, point)
        late = within is not None and _pauses(retry, faults) > within / 2
        if point.role is Role.DO and (may_compensate(kind, retry, faults) or late):
            compensate = True
            fail.add(point.name)
        if may_park(kind, point.role, retry, faults) or late:
            park.add(point.name)
    return Allowed(compensate, frozenset(park), frozenset(fail))


def violations_while_parked(
    participants: ScriptedParticipants, journal: Journal, allowed: Allowed
) -> Iterator[str]:
    """Yields what is wrong with a saga that is parked."""
    stuck = SagaStatus(journal, ()).stuck
    for name in stuck:
        if name not in allowed.park:
            yield f"the saga is parked at {name} without a permanent fault there"
    if journal.compensating:
        for name in journal.steps:
            if name not in stuck and participants.effects.count(name) > 0:
                yield f"the saga is parked, and the effect of {name} is left over"
    yield from _repeated(participants)


def violations_at_the_end(
    saga: type[Saga], participants: ScriptedParticipants, journal: Journal, allowed: Allowed
) -> Iterator[str]:
    """Yields what is wrong with a saga when no timer and no answer is left."""
    if journal.state is State.PARKED:
        yield "the saga is still parked after the repair"
    elif not journal.state.ended:
        waiting = ", ".join(SagaStatus(journal, ()).waiting)
        yield f"the saga waits forever for the answer to {waiting}"
    if journal.state is State.COMPENSATED and not allowed.compensate:
        yield "the saga compensated without a refusal or a timeout"
    if journal.state is State.COMPLETED:
        yield from _not_performed(saga, journal, allowed)
        yield from _done_beside(saga, journal)
    if journal.state.ended:
        yield from _effects(saga, participants, journal, allowed.by_others)
        yield from _not_closed(saga, journal)
    yield from _out_of_order(journal)
    yield from _repeated(participants)


def _not_performed(saga: type[Saga], journal: Journal, allowed: Allowed) -> Iterator[str]:
    declaration = saga_declaration(saga)
    for name in dict.fromkeys((*declaration.steps, *journal.steps)):
        group = journal.groups.get(name)
        if group is not None:
            fan_out = declaration.steps[name].fan_out
            least = 0 if fan_out is None else fan_out.need.of(group.items)
            if group.done < least:
                yield f"the saga completed, and {name} was done {group.done} of {least} times"
            continue
        progress = journal.steps.get(name)
        performed = (StepStatus.DONE, StepStatus.SKIPPED)
        if progress is None or (progress.status not in performed and name not in allowed.fail):
            yield f"the saga completed, and {name} was never performed"


def _done_beside(saga: type[Saga], journal: Journal) -> Iterator[str]:
    """The alternatives that were done beside the step that they are to replace."""
    for step in saga_declaration(saga).steps.values():
        replaced = step.instead_of
        both = (step, replaced) if replaced is not None else ()
        found = [journal.steps[each.name].status for each in both if each.name in journal.steps]
        if replaced is not None and found == [StepStatus.DONE] * 2:
            yield f"{step.name} was done, and so was {replaced.name}, which it is to replace"


def _not_closed(saga: type[Saga], journal: Journal) -> Iterator[str]:
    """The closing command that an end calls for, and that was not given."""
    declaration = saga_declaration(saga)
    ends = {State.COMPLETED: declaration.completing, State.COMPENSATED: declaration.closing}
    closing = ends.get(journal.state)
    given = closing is None or closing.name in journal.closings
    if closing is not None and not given and closing.name not in declaration.conditional:
        yield f"the saga is {journal.state.value}, and {closing.name} was never requested"


def _out_of_order(journal: Journal) -> Iterator[str]:
    """The steps that were undone before a step that was started after them."""
    order = {request: number for number, request in enumerate(journal.requests.values())}
    undone = [name for name in journal.steps if (name, Role.UNDO) in order]
    for earlier, later in pairwise(undone):
        started, undo = order.get((later, Role.DO), 0), order[earlier, Role.UNDO]
        items_of_one = step_name(earlier) == step_name(later)
        if not items_of_one and started < undo < order[later, Role.UNDO]:
            yield f"{earlier} is undone before {later}, which was started after it"


def _effects(
    saga: type[Saga],
    participants: ScriptedParticipants,
    journal: Journal,
    by_others: Collection[str],
) -> Iterator[str]:
    declaration = saga_declaration(saga)
    for name in dict.fromkeys((*declaration.steps, *journal.steps)):
        if declaration.step_of(name).kind is NO_EFFECT and journal.state is State.COMPLETED:
            continue
        count = participants.effects.count(name)
        progress = journal.steps.get(name)
        done = progress is not None and progress.status is StepStatus.DONE
        wanted = int(done and journal.state is State.COMPLETED)
        if count > wanted:
            yield f"the effect of {name} is left over: {_counts(participants, name)}"
        elif count < wanted and name not in by_others:
            yield f"the effect of {name} is missing: {_counts(participants, name)}"
    for name in journal.closings:
        if not participants.effects.count(name):
            yield f"the closing command {name} was issued, and never performed"


def _repeated(participants: ScriptedParticipants) -> Iterator[str]:
    effects = participants.effects
    for name in sorted({*effects.performed, *effects.undone}):
        if effects.performed[name] > 1:
            yield f"the effect of {name} is duplicated: {_counts(participants, name)}"
        if effects.count(name) < 0:
            yield f"{name} was undone without an effect: {_counts(participants, name)}"


def _counts(participants: ScriptedParticipants, name: str) -> str:
    effects = participants.effects
    counts = {"performed": effects.performed[name], "undone": effects.undone[name]}
    return ", ".join(f"{what} {_TIMES.get(n, f'{n} times')}" for what, n in counts.items())


def _declared(
    saga: type[Saga], timings: Mapping[str, Timing], point: FaultPoint
) -> tuple[Kind | None, Retry, timedelta | None]:
    """The kind, the `retry` and the time limit of a command."""
    step = saga_declaration(saga).steps.get(step_name(point.name))
    if step is not None:
        within, retry = timing_of(step, timings)
        return step.kind, retry, within if point.role is Role.DO else None
    if point.role is Role.REMIND:
        return None, REMINDER_RETRY, None
    closings = [
        each
        for each in (saga_declaration(saga).completing, saga_declaration(saga).closing)
        if each is not None
    ]
    declared = next(each.retry for each in closings if each.name == point.name)
    return None, declared_or_patient(declared, None), None


def _pauses(retry: Retry, faults: Sequence[Fault]) -> timedelta:
    """The sum of the pauses after the attempts that fail."""
    failing = sum(each.fails for each in faults)
    return sum((retry.pause(each) or NOW for each in range(1, failing + 1)), NOW)


_TIMES = {1: "once", 2: "twice"}
