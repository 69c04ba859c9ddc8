"""The checks of a saga class: what could not end well is refused when the class is defined."""

from collections.abc import Mapping, Sequence

from sagaline.codec import returned_value
from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import (
    is_command_class,
    missing_arguments,
    refuse_no_duration,
    refuse_no_events,
    refuse_wrong,
)
from sagaline.messaging.lazy import refuse_lazy
from sagaline.messaging.retry import Retry
from sagaline.saga.children import TakeBackChild, check_child
from sagaline.saga.closings import Closing
from sagaline.saga.deadline import refuse_no_deadline
from sagaline.saga.declaration import Declaration, may_make_none
from sagaline.saga.kinds import COMPENSATABLE, NO_EFFECT, PIVOT, RETRIABLE, Kind
from sagaline.saga.reminders import Reminder
from sagaline.saga.scheduled import ScheduledStart
from sagaline.saga.steps import RETRY_CURE, Step, Undo


def validate(declaration: Declaration) -> None:
    """Checks a declaration, and sets of each of its steps which steps it waits for.

    Raises DefinitionError with the part and the cure.
    """
    refuse_lazy(declaration.head.key_of, f"{declaration.saga}: key=")
    _check_starts(declaration)
    _check_key(declaration)
    declaration.answers  # noqa: B018  # refuses events with two meanings
    _check_names(declaration)
    if not declaration.steps:
        raise declaration.error("", "it has no steps", "Declare one with @step(done=...).")
    _check_closings(declaration)
    _set_order(declaration)
    _check_options(declaration)
    _check_kinds(declaration)
    declaration.commands  # noqa: B018  # reads every return annotation
    for each in declaration.steps.values():
        _check_step(declaration, each)
        _check_failing(declaration, each)
        if each.child is not None:
            command, compensatable = declaration.commands[each.name], each.kind is COMPENSATABLE
            check_child(f"{declaration.saga}.{each.name}", each.child, command, compensatable)
    for each_query in declaration.queries.values():
        returned_value(each_query.answer, f"{declaration.saga}.{each_query.name}")
    _check_folds(declaration)


def _check_starts(declaration: Declaration) -> None:
    starts = declaration.starts
    where = f"{declaration.saga}: starts_on="
    cure = "Write starts_on=Order.Placed, or starts_on=(Order.Placed, Order.Imported)."
    refuse_no_events([each for each in starts if not is_command_class(each)], where, cure)
    if starts.count(ScheduledStart) > 1:
        problem, cure = "it names two schedules", 'Write one, such as schedule("0 2,14 * * *").'
        raise DefinitionError(where=where, problem=problem, cure=cure)
    if len(set(starts)) < max(len(starts), 1):
        problem = "it names one twice" if starts else "it names nothing"
        raise DefinitionError(where=where, problem=problem, cure=cure)


def _check_key(declaration: Declaration) -> None:
    key: object = declaration.head.key_of
    if not callable(key) or missing_arguments(key, "event"):
        problem = "its key is not a function that returns the key of an event"
        cure = "Write key=lambda event: event.order_id, or name a plain function."
        raise declaration.error("", problem, cure)


def _check_names(declaration: Declaration) -> None:
    """A method that a later one replaces would be lost without notice."""
    undos = declaration.undos_of_steps()
    for undo in declaration.undos:
        if undo not in undos:
            raise declaration.error(
                undo.name,
                "an undo of a step that has another undo, or that is not in this class",
                "Declare one undo for each step, under it, with a name of its own.",
            )
    reminders = declaration.reminders_of_steps()
    for reminder in declaration.reminders:
        if reminder not in reminders:
            problem = "a reminder of a step that is not in this class"
            raise declaration.error(reminder.name, problem, "Declare it under a step above it.")
    names: set[str] = set()
    parts: Sequence[Step | Undo | Closing | Reminder] = (
        *declaration.steps.values(),
        *undos,
        *declaration.closings,
        *reminders,
    )
    for each in parts:
        if each.name in names:
            raise declaration.error(
                each.name,
                "a second method of this name",
                "Give each step, undo, reminder and closing command a name of its own.",
            )
        names.add(each.name)


def _check_closings(declaration: Declaration) -> None:
    for each in declaration.closings:
        if each not in (declaration.completing, declaration.closing):
            raise declaration.error(
                each.name,
                f"a second @on_{'completed' if each.completed else 'compensated'}",
                "Keep one: a saga issues one command at its end.",
            )


def _set_order(declaration: Declaration) -> None:
    """Sets `after` of each step. A step waits only for steps above it, so there is no circle."""
    above: list[Step] = []
    for each in declaration.steps.values():
        for other in each.waits_for or ():
            if other not in above:
                name = getattr(other, "name", repr(other))
                raise declaration.error(
                    each.name,
                    f"it waits for {name}, which is not a step above it",
                    "Name steps of this class in after=..., and declare them first.",
                )
        waits_for = above[-1:] if each.waits_for is None else each.waits_for
        replaced = _replaced(declaration, each, above)
        each.after = tuple(dict.fromkeys(other.name for other in (*waits_for, *replaced)))
        above.append(each)


def _replaced(declaration: Declaration, step: Step, above: Sequence[Step]) -> Sequence[Step]:
    """The step that this one is requested instead of, which must be above it, or none."""
    other = step.instead_of
    if other is None:
        return ()
    if other not in above:
        name = getattr(other, "name", repr(other))
        problem = f"it is requested instead of {name}, which is not a step above it"
        cure = "Name a step of this class in instead_of=..., and declare it first."
    elif other.fan_out is not None:
        problem = f"it is requested instead of {other.name}, which has items"
        cure = "Let fewer items be enough, with need=at_least(...) or ANY, and read what failed."
    elif any(each.instead_of is other for each in above):
        problem = f"a second step instead of {other.name}"
        cure = "Let it stand in for the step that stands in for it."
    else:
        return (other,)
    raise declaration.error(step.name, problem, cure)


def _check_failing(declaration: Declaration, step: Step) -> None:
    """A step that may fail has nothing to go back for; the pivot is one that must be done."""
    may_fail = step.optional or declaration.stands_in(step)
    if step.kind is PIVOT and (may_fail or step.instead_of or step.fan_out):
        problem = "a pivot that is one of several, or may fail"
        cure = "Give the saga one step as pivot that must be done, after this one."
    elif declaration.stands_in(step) and step.is_forward_only:
        problem = f"a {step.kind.value} step with another instead of it"
        cure = "Declare both before the pivot."
    elif step.fan_out is not None and step.name in declaration.conditional:
        problem = "it may return no command for an item"
        cure = "Leave that item out of the items."
    else:
        return
    raise declaration.error(step.name, problem, cure)


def _check_kinds(declaration: Declaration) -> None:
    """Steps before the pivot can be undone, steps after it need not, and none runs beside it."""
    pivot: Step | None = None
    above: list[str] = []
    for each in declaration.steps.values():
        before = _before(declaration.steps, each)
        if each.kind is PIVOT and pivot is not None:
            problem = f"a second pivot, after {pivot.name}"
            cure = "Keep one point of no return; make the later steps RETRIABLE."
        elif each.kind is RETRIABLE and (pivot is None or pivot.name not in before):
            problem = "a RETRIABLE step with no pivot before it"
            cure = "Declare the step that is the point of no return as PIVOT, or give this an undo."
        elif pivot is not None and each.waits:
            if each.optional:
                continue
            problem = f"it waits after the pivot {pivot.name}, and could be refused"
            cure = "Make it optional=True, or declare it before the pivot."
        elif pivot is not None and each.kind in (COMPENSATABLE, NO_EFFECT):
            problem = f"a {each.kind.value} step after the pivot {pivot.name}"
            cure = "Make it RETRIABLE, or declare it before the pivot."
        elif each.kind is PIVOT and (beside := [name for name in above if name not in before]):
            problem = f"the pivot does not wait for {', '.join(beside)}, and could be done first"
            cure = f"Name it too: after=({', '.join([*each.after, *beside])},)."
        else:
            pivot = each if each.kind is PIVOT else pivot
            above.append(each.name)
            continue
        raise declaration.error(each.name, problem, cure)


def _check_options(declaration: Declaration) -> None:
    for each in declaration.steps.values():
        where = f"{declaration.saga}.{each.name}"
        refuse_wrong(each.kind, Kind, where, "Write kind=PIVOT.")
        if each.retry is not None:
            refuse_wrong(each.retry, Retry, where, RETRY_CURE)
        refuse_no_duration(each.within, where, "within=minutes(5)")
        if each.until is not None:
            refuse_no_deadline(each.until, f"{where}: until=")
        refuse_wrong(each.optional, bool, f"{where}: optional=", "Write optional=True.")
        refuse_no_duration(each.expected, where, "expected=minutes(5)")
    refuse_no_duration(declaration.head.expected, declaration.saga, "expected=hours(1)")


def _before(steps: Mapping[str, Step], step: Step) -> set[str]:
    """All steps that are done before this one starts."""
    found = set(step.after)
    for name in step.after:
        found |= _before(steps, steps[name])
    return found


def _check_step(declaration: Declaration, step: Step) -> None:
    by_events = step.child is None
    undone_by = () if step.undoing is None or not by_events else (step.undoing,)
    if (by_events and not step.done) or not all(each.done for each in undone_by):
        problem = "no event says that it is done, so no step after it could start"
        cure = "Name one with done=..., for the step and for its undo."
    elif step.kind is COMPENSATABLE and step.undoing is None:
        problem = "a compensatable step without an undo"
        cure = f"Declare one under it with @{step.name}.undo(done=...), or say kind=NO_EFFECT."
    elif not by_events and undo_of_child(step):
        problem = f"it is a saga, {step.child.__name__}, which undoes what it has done itself"
        cure = "Remove the undo."
    elif not _may_be_undone(declaration, step) and step.undoing is not None:
        problem = f"a {step.kind.value} step with an undo, which would never run"
        cure = "Remove the undo, or make the step compensatable."
    elif step.undoing is not None and may_make_none(step.undoing.make_command):
        problem = "its undo may return no command"
        cure = "Always return one: an undo must be safe to run where there is nothing to undo."
    elif step.kind is RETRIABLE and step.refused:
        problem = "a step after the pivot that can be refused"
        cure = "Move it before the pivot, or let its participant never refuse it."
    else:
        return
    raise declaration.error(step.name, problem, cure)


def undo_of_child(step: Step) -> bool:
    """Whether a step that is a saga has an undo of its own."""
    return step.undoing is not None and not isinstance(step.undoing.make_command, TakeBackChild)


def _may_be_undone(declaration: Declaration, step: Step) -> bool:
    """Behind the pivot, only what is a step of another saga can be undone: by taking it back."""
    is_child = any(issubclass(each, Command) for each in declaration.starts)
    return step.kind is COMPENSATABLE or (is_child and step.kind is not NO_EFFECT)


def _check_folds(declaration: Declaration) -> None:
    for event, folds in declaration.folds.items():
        keys = {each.key_of for each in folds}
        if event not in declaration.outside and keys != {None}:
            problem = f"{event.__qualname__} starts the saga or answers it, and has a key already"
            cure = "Leave out key=: it is for events from outside."
        elif len(keys) > 1:
            problem = f"{event.__qualname__} is heard by another key too"
            cure = "Give one function for its key, to each method that hears it."
        else:
            continue
        raise declaration.error(folds[0].name, problem, cure)
