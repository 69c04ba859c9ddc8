"""Sagas, as they are declared: steps in the order of their execution, each with its undo.

A declaration is pure: it turns what has been heard into commands. It knows no storage, no clock
and no transport, so a saga is tested by calling it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints

from eventsourcing.utils import construct_topic

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.saga.steps import (
    COMPENSATABLE,
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Ask,
    ByKey,
    Closing,
    Fold,
    Kind,
    Locks,
    Step,
    Undo,
    hears,
    locks,
    on_compensated,
    on_completed,
    step,
)

E = TypeVar("E")


class Heard(Protocol):
    """What a saga instance knows: the events it has heard, and why it turned round."""

    @property
    def heard(self) -> Mapping[type, Any]:
        """The last event of each class."""

    @property
    def history(self) -> Sequence[Any]:
        """All events that counted, in the order of hearing."""

    @property
    def reason(self) -> str:
        """Empty while it goes forward."""


class Saga:
    """A business transaction over several services: it ends done, or undone.

    Subclass it with the event that starts it and a function from that event to the key of the
    business transaction. Inside a step, `self[Event]` is what the saga has heard, `self.key` its
    key, and `self.reason` why it turned round.

    Raises `DefinitionError` when the class is defined, with the step and the cure, where the
    declaration could not end well: a missing undo, two pivots, an effect behind the pivot that
    could be refused.
    """

    starts_on: ClassVar[type]
    key_of: ClassVar[Callable[[Any], Any]]
    steps: ClassVar[Mapping[str, Step]]
    closing: ClassVar[Closing | None]
    """The command that is given when every effect has been taken back."""
    completing: ClassVar[Closing | None]
    """The command that is given when every step is done."""
    conditional: ClassVar[frozenset[str]]
    """The methods that may return no command."""
    folds: ClassVar[Mapping[type, Sequence[Fold]]]
    locks: ClassVar[Locks | None]
    answers: ClassVar[Mapping[type, tuple[Step, bool, bool]]]
    """Event class -> the step that it answers, whether it answers the undo, whether it is done."""
    _fingerprint: ClassVar[str]

    def __init_subclass__(cls, *, starts_on: type, key: Callable[[Any], Any]) -> None:
        super().__init_subclass__()
        cls.starts_on = starts_on
        cls.key_of = staticmethod(key)
        declared = list(vars(cls).values())
        cls.steps = {each.name: each for each in declared if isinstance(each, Step)}
        closings = [each for each in declared if isinstance(each, Closing)]
        cls.closing = next((each for each in closings if not each.completed), None)
        cls.completing = next((each for each in closings if each.completed), None)
        cls.folds = _folds(declared)
        cls.locks = next((each for each in declared if isinstance(each, Locks)), None)
        cls.answers = _answers(cls)
        _check(cls, closings)
        cls.conditional = frozenset(n for n, ask in _asks(cls).items() if _may_be_none(ask))
        cls._fingerprint = _digest(cls.shape())

    def __init__(self, instance: Heard) -> None:
        self._instance = instance
        if self.folds:
            for event in instance.history:
                for fold in self.folds.get(type(event), ()):
                    fold.take(self, event)

    @property
    def key(self) -> Any:
        """The key of the business transaction, as the key function gave it."""
        return type(self).key_of(self._instance.heard[self.starts_on])

    @property
    def reason(self) -> str:
        """Why the saga turned round; empty while it goes forward."""
        return self._instance.reason

    def __getitem__(self, event: type[E]) -> E:
        """The event of that class which the saga has heard.

        Raises KeyError where it has not been heard: a step asks only for what comes before it.
        """
        heard: E = self._instance.heard[event]
        return heard

    def __contains__(self, event: type) -> bool:
        return event in self._instance.heard

    @classmethod
    def fingerprint(cls) -> str:
        """Names the shape of the definition, of which timeouts and retries are no part."""
        return cls._fingerprint

    @classmethod
    def shape(cls) -> dict[str, str]:
        """What the definition says of each of its parts: the start, the steps, undos, closings."""
        given = {name: construct_topic(command) for name, command in cls.commands().items()}
        found = {"start": f"{construct_topic(cls)} on {construct_topic(cls.starts_on)}"}
        for each in cls.steps.values():
            may = " or nothing" if each.name in cls.conditional else ""
            answers = _topics(each.done, each.refused)
            found[each.name] = f"{each.kind.value}: {given[each.name]}{may}, {answers}"
            found[f"order of {each.name}"] = ", ".join(each.after)
            if each.undoing is not None:
                undo = each.undoing
                answers = _topics(undo.done, undo.refused)
                found[f"undo of {each.name}"] = f"{undo.name}: {given[undo.name]}, {answers}"
        for closing in (cls.completing, cls.closing):
            if closing is not None:
                end = "completed" if closing.completed else "compensated"
                found[f"on {end}"] = f"{closing.name}: {given[closing.name]}"
        return found

    @classmethod
    def commands(cls) -> dict[str, type[Command]]:
        """The class of each command that the saga gives, by the name of the method that does."""
        return {name: _command_of(cls, ask) for name, ask in _asks(cls).items()}


def _digest(shape: Mapping[str, str]) -> str:
    lines = "\n".join(f"{part}: {said}" for part, said in shape.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _asks(cls: type[Saga]) -> dict[str, Ask]:
    asks = {each.name: each.ask for each in cls.steps.values()}
    asks |= {s.undoing.name: s.undoing.ask for s in cls.steps.values() if s.undoing}
    asks |= {each.name: each.ask for each in (cls.completing, cls.closing) if each}
    return asks


def _folds(declared: Iterable[object]) -> dict[type, list[Fold]]:
    found: dict[type, list[Fold]] = {}
    for each in declared:
        if isinstance(each, Fold):
            for event in each.events:
                found.setdefault(event, []).append(each)
    return found


def _topics(*classes: tuple[type, ...]) -> str:
    return " | ".join(",".join(construct_topic(each) for each in group) for group in classes)


def _command_of(cls: type[Saga], ask: Ask) -> type[Command]:
    if isinstance(ask, ByKey):
        return _by_key_alone(cls, ask)
    try:
        hint = get_type_hints(ask).get("return")
    except NameError as error:
        raise DefinitionError(
            where=f"{cls.__name__}.{ask.__name__}",
            problem=f"its return annotation cannot be read ({error})",
            cure="Import the command's class at the top of the module.",
        ) from error
    kinds = [each for each in get_args(hint) or (hint,) if each is not type(None)]
    if len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], Command):
        return kinds[0]
    raise DefinitionError(
        where=f"{cls.__name__}.{ask.__name__}",
        problem="its return annotation names no command",
        cure="Annotate it with the class of the command that it returns.",
    )


def _by_key_alone(cls: type[Saga], ask: ByKey) -> type[Command]:
    fields = ask.command.model_fields.items()
    wanted = {name for name, field in fields if field.is_required()}
    if wanted == {ask.command.key_field}:
        return ask.command
    name = ask.command.__name__
    raise DefinitionError(
        where=f"{cls.__name__}.{ask.__name__}",
        problem=f"{name} is not made from a key alone",
        cure=f"Declare a method that returns it, or a key and no other field that {name} needs.",
    )


def _may_be_none(ask: Ask) -> bool:
    return not isinstance(ask, ByKey) and type(None) in get_args(get_type_hints(ask).get("return"))


def _answers(cls: type[Saga]) -> dict[type, tuple[Step, bool, bool]]:
    found: dict[type, tuple[Step, bool, bool]] = {}
    for each in cls.steps.values():
        groups = [(each.done, False, True), (each.refused, False, False)]
        if each.undoing is not None:
            groups += [(each.undoing.done, True, True), (each.undoing.refused, True, False)]
        for events, undo, done in groups:
            for event in events:
                if event in found or event is cls.starts_on:
                    raise DefinitionError(
                        where=f"{cls.__name__}.{each.name}",
                        problem=f"the event {event.__qualname__} already means something else",
                        cure="Give each answer an event class of its own.",
                    )
                found[event] = (each, undo, done)
    return found


def _check(cls: type[Saga], closings: list[Closing]) -> None:
    steps = list(cls.steps.values())
    _check_names(cls, steps, closings)
    if not steps:
        raise DefinitionError(
            where=cls.__name__, problem="it has no steps", cure="Declare one with @step(done=...)."
        )
    for each in closings:
        if each not in (cls.completing, cls.closing):
            raise DefinitionError(
                where=f"{cls.__name__}.{each.name}",
                problem=f"a second @on_{'completed' if each.completed else 'compensated'}",
                cure="Keep one: it may return one command.",
            )
    _order(cls, steps)
    _check_kinds(cls, steps)
    cls.commands()
    for one in steps:
        _check_step(cls, one)
    for event in cls.folds:
        _check_fold(cls, event)


def _order(cls: type[Saga], steps: Sequence[Step]) -> None:
    """Says of each step which it waits for; only those above it, so that none waits for itself."""
    for place, each in enumerate(steps):
        above = steps[:place]
        for other in each.waits_for or ():
            if other not in above:
                name = getattr(other, "name", repr(other))
                raise DefinitionError(
                    where=f"{cls.__name__}.{each.name}",
                    problem=f"it waits for {name}, which is no step above it",
                    cure="Name steps of this class in after=..., and declare them first.",
                )
        waits_for = above[-1:] if each.waits_for is None else each.waits_for
        each.after = tuple(other.name for other in waits_for)


def _check_kinds(cls: type[Saga], steps: Sequence[Step]) -> None:
    """Before the pivot all can be undone, behind it nothing need be, and nothing is beside it."""
    pivot: Step | None = None
    for each in steps:
        before = _before(cls, each)
        if each.kind is PIVOT and pivot is not None:
            problem = f"a second pivot, after {pivot.name}"
            cure = "Keep one point of no return; make the later steps RETRIABLE."
        elif each.kind is RETRIABLE and (pivot is None or pivot.name not in before):
            problem = "a RETRIABLE step with no pivot before it"
            cure = "Declare the step that is the point of no return as PIVOT, or give this an undo."
        elif pivot is not None and each.kind in (COMPENSATABLE, NO_EFFECT):
            problem = f"a {each.kind.value} step behind the pivot {pivot.name}"
            cure = "Make it RETRIABLE, or declare it before the pivot."
        elif each.kind is PIVOT and (
            beside := [s.name for s in steps[: steps.index(each)] if s.name not in before]
        ):
            problem = f"the pivot does not wait for {', '.join(beside)}, which it could overtake"
            cure = f"Name it too: after=({', '.join([*each.after, *beside])},)."
        else:
            pivot = each if each.kind is PIVOT else pivot
            continue
        raise DefinitionError(where=f"{cls.__name__}.{each.name}", problem=problem, cure=cure)


def _before(cls: type[Saga], step: Step) -> set[str]:
    """All steps that are done before this one begins."""
    found = set(step.after)
    for name in step.after:
        found |= _before(cls, cls.steps[name])
    return found


def _check_fold(cls: type[Saga], event: type) -> None:
    if event is not cls.starts_on and event not in cls.answers:
        raise DefinitionError(
            where=f"{cls.__name__}.{cls.folds[event][0].name}",
            problem=f"the saga does not hear {event.__qualname__}",
            cure="Name the event that starts the saga, or one that answers a step.",
        )


def _check_step(cls: type[Saga], each: Step) -> None:
    if not each.done or (each.undoing is not None and not each.undoing.done):
        problem = "no event says that it is done, so nothing behind it could be reached"
        cure = "Name one with done=..., for the step and for its undo."
    elif each.kind is COMPENSATABLE and each.undoing is None:
        problem = "a compensatable step without an undo"
        cure = f"Declare one under it with @{each.name}.undo(done=...), or say kind=NO_EFFECT."
    elif each.kind is not COMPENSATABLE and each.undoing is not None:
        problem = f"a {each.kind.value} step with an undo, which would never run"
        cure = "Leave the undo out, or make the step compensatable."
    elif each.undoing is not None and _may_be_none(each.undoing.ask):
        problem = "its undo may return no command"
        cure = "Return one always: an undo must be safe where there is nothing to take back."
    elif each.kind is RETRIABLE and each.refused:
        problem = "a step behind the pivot that can be refused"
        cure = "Move it before the pivot, or let its participant never refuse."
    else:
        return
    raise DefinitionError(where=f"{cls.__name__}.{each.name}", problem=problem, cure=cure)


def _check_names(cls: type[Saga], steps: Iterable[Step], closings: Iterable[Closing]) -> None:
    """A method that was declared twice, or replaced by a later one, would be lost unnoticed."""
    undoing = [each.undoing for each in steps if each.undoing is not None]
    for each in vars(cls).values():
        if isinstance(each, Undo) and each not in undoing:
            raise DefinitionError(
                where=f"{cls.__name__}.{each.name}",
                problem="an undo of a step that has another one, or that is not in this class",
                cure="Declare one undo for each step, under it, with a name of its own.",
            )
    names: set[str] = set()
    declarations: Iterable[Step | Undo | Closing] = (*steps, *undoing, *closings)
    for declared in declarations:
        if declared.name in names:
            raise DefinitionError(
                where=f"{cls.__name__}.{declared.name}",
                problem="a second method of this name",
                cure="Give each step, undo and closing command a name of its own.",
            )
        names.add(declared.name)


__all__ = [
    "COMPENSATABLE",
    "NO_EFFECT",
    "PIVOT",
    "RETRIABLE",
    "Ask",
    "Closing",
    "Kind",
    "Saga",
    "Step",
    "Undo",
    "hears",
    "locks",
    "on_compensated",
    "on_completed",
    "step",
]
