"""Sagas, as they are declared: steps in the order of their execution, each with its undo.

A declaration is pure: it turns what has been heard into commands. It knows no storage, no clock
and no transport, so a saga is tested by calling it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints, overload

from eventsourcing.utils import construct_topic

from sagaline.commands import Command
from sagaline.errors import DefinitionError
from sagaline.retry import Retry

E = TypeVar("E")
Ask = Callable[[Any], Command]
Events = type | tuple[type, ...]


class Kind(Enum):
    """What a step means for the way back."""

    COMPENSATABLE = "compensatable"
    """Its effect can be undone; an undo is required."""
    NO_EFFECT = "no effect"
    """It leaves nothing behind, so there is nothing to undo."""
    PIVOT = "pivot"
    """The point of no return: once it is done, the saga goes forward only."""
    RETRIABLE = "retriable"
    """Behind the pivot: it is tried until it is done."""


COMPENSATABLE, NO_EFFECT, PIVOT, RETRIABLE = Kind


class ByKey:
    """Asks with a command that needs nothing but the saga's key; its name is where it stands."""

    def __init__(self, command: type[Command]) -> None:
        self.command = command
        self.__name__ = command.__name__

    def __call__(self, saga: "Saga") -> Command:
        """The command, as a method would return it."""
        return self.command(**{str(self.command.key_field): saga.key})


class Declared:
    """A part of a saga that asks with a command, and the name that it goes by."""

    ask: Ask

    def __set_name__(self, owner: type, name: str) -> None:
        if isinstance(self.ask, ByKey):
            self.ask.__name__ = name

    @property
    def name(self) -> str:
        """The name in the class of the saga."""
        return self.ask.__name__


@dataclass(frozen=True)
class Undo(Declared):
    """What takes a step's effect back."""

    ask: Ask
    done: tuple[type, ...]
    refused: tuple[type, ...]


class Step(Declared):
    """One local transaction of a saga: the command that asks for it, and the answers to expect."""

    def __init__(
        self,
        ask: Ask,
        done: tuple[type, ...],
        refused: tuple[type, ...],
        kind: Kind,
        within: timedelta | None,
        retry: Retry,
    ) -> None:
        self.ask = ask
        self.done = done
        self.refused = refused
        self.kind = kind
        self.within = within
        self.retry = retry
        self.undoing: Undo | None = None

    @overload
    def undo(self, command: type[Command], *, done: Events, refused: Events = ()) -> Undo: ...
    @overload
    def undo(self, *, done: Events, refused: Events = ()) -> Callable[[Ask], Undo]: ...
    def undo(
        self, command: type[Command] | None = None, *, done: Events, refused: Events = ()
    ) -> Undo | Callable[[Ask], Undo]:
        """Declares, under the step, the command that takes its effect back.

        `done` is the event that says that it is undone, `refused` the one that says that it
        cannot be. An undo must be safe to ask for when the step's outcome is not known. Like a
        step it is a method, or a command alone.
        """

        def declare(ask: Ask) -> Undo:
            self.undoing = Undo(ask, _classes(done), _classes(refused))
            return self.undoing

        return declare if command is None else declare(ByKey(command))


@dataclass(frozen=True)
class Closing:
    """A command that a saga gives as the last thing before its end."""

    name: str
    ask: Ask


@overload
def step(
    command: type[Command],
    *,
    done: Events,
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
) -> Step: ...
@overload
def step(
    *,
    done: Events,
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
) -> Callable[[Ask], Step]: ...
def step(
    command: type[Command] | None = None,
    *,
    done: Events,
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
) -> Step | Callable[[Ask], Step]:
    """Declares a step: the method returns the command that asks a participant for it.

    A command that needs nothing but the saga's key is named in place of a method:
    ``hold_seat = step(HoldSeat, done=SeatHeld)``.

    `done` and `refused` are the events that answer it. `within` bounds the whole step, its retries
    included; without it the saga waits for ever. `retry` says how often a fault is tried again.
    """

    def declare(ask: Ask) -> Step:
        return Step(ask, _classes(done), _classes(refused), kind, within, retry or Retry())

    return declare if command is None else declare(ByKey(command))


def on_compensated(ask: Ask) -> Closing:
    """Declares the command that is given when every effect has been taken back."""
    return Closing(ask.__name__, ask)


class Heard(Protocol):
    """What a saga instance knows: the events it has heard, and why it turned round."""

    @property
    def heard(self) -> Mapping[type, Any]:
        """The last event of each class."""

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
    answers: ClassVar[Mapping[type, tuple[Step, bool, bool]]]
    """Event class -> the step that it answers, whether it answers the undo, whether it is done."""

    def __init_subclass__(cls, *, starts_on: type, key: Callable[[Any], Any]) -> None:
        super().__init_subclass__()
        cls.starts_on = starts_on
        cls.key_of = staticmethod(key)
        declared = list(vars(cls).values())
        cls.steps = {each.name: each for each in declared if isinstance(each, Step)}
        closings = [each for each in declared if isinstance(each, Closing)]
        cls.closing = closings[0] if closings else None
        cls.answers = _answers(cls)
        _check(cls, closings)

    def __init__(self, instance: Heard) -> None:
        self._instance = instance

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
        lines = [f"{construct_topic(cls)} starts on {construct_topic(cls.starts_on)}"]
        for each in cls.steps.values():
            lines.append(f"{each.name} {each.kind.value} {_topics(each.done, each.refused)}")
            if each.undoing is not None:
                undo = each.undoing
                lines.append(f"  undo {undo.name} {_topics(undo.done, undo.refused)}")
        if cls.closing is not None:
            lines.append(f"closing {cls.closing.name}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    @classmethod
    def commands(cls) -> dict[str, type[Command]]:
        """The class of each command that the saga gives, by the name of the method that does."""
        asks = {each.name: each.ask for each in cls.steps.values()}
        asks |= {s.undoing.name: s.undoing.ask for s in cls.steps.values() if s.undoing}
        if cls.closing is not None:
            asks[cls.closing.name] = cls.closing.ask
        return {name: _command_of(cls, ask) for name, ask in asks.items()}


def _classes(given: Events) -> tuple[type, ...]:
    return given if isinstance(given, tuple) else (given,)


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
    if len(closings) > 1:
        raise DefinitionError(
            where=f"{cls.__name__}.{closings[1].name}",
            problem="a second @on_compensated",
            cure="Keep one: it may return one command.",
        )
    _check_order(cls, steps)
    for each in steps:
        _check_step(cls, each)
    cls.commands()


def _check_order(cls: type[Saga], steps: Iterable[Step]) -> None:
    pivot: Step | None = None
    for each in steps:
        if each.kind is PIVOT and pivot is not None:
            problem = f"a second pivot, after {pivot.name}"
            cure = "Keep one point of no return; make the later steps RETRIABLE."
        elif pivot is not None and each.kind in (COMPENSATABLE, NO_EFFECT):
            problem = f"a {each.kind.value} step behind the pivot {pivot.name}"
            cure = "Make it RETRIABLE, or declare it before the pivot."
        elif pivot is None and each.kind is RETRIABLE:
            problem = "a RETRIABLE step with no pivot before it"
            cure = "Declare the step that is the point of no return as PIVOT, or give this an undo."
        else:
            pivot = each if each.kind is PIVOT else pivot
            continue
        raise DefinitionError(where=f"{cls.__name__}.{each.name}", problem=problem, cure=cure)


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
