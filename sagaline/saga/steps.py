"""What a saga is declared with: steps, each with its undo, closing commands, and folds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar, overload

from sagaline.messaging.commands import Command
from sagaline.messaging.retry import Retry

F = TypeVar("F", bound=Callable[..., Any])
Ask = Callable[[Any], Command | None]
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

    def __call__(self, saga: Any) -> Command:
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
    """One local transaction of a saga: the command that asks for it, and the answers to expect.

    `after` names the steps that it waits for, once its saga is defined.
    """

    def __init__(
        self,
        ask: Ask,
        done: tuple[type, ...],
        refused: tuple[type, ...],
        kind: Kind,
        within: timedelta | None,
        retry: Retry,
        waits_for: "tuple[Step, ...] | None",
    ) -> None:
        self.ask = ask
        self.done = done
        self.refused = refused
        self.kind = kind
        self.within = within
        self.retry = retry
        self.waits_for = waits_for
        self.after: tuple[str, ...] = ()
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
    """A command that a saga gives as the last thing before its end: the good one, or the other."""

    name: str
    ask: Ask
    retry: Retry
    completed: bool


@dataclass(frozen=True)
class Fold:
    """A method that takes what was heard into the saga's own small state."""

    name: str
    events: tuple[type, ...]
    take: Callable[[Any, Any], None]


@overload
def step(
    command: type[Command],
    *,
    done: Events,
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
    after: Sequence[Step] | None = None,
) -> Step: ...
@overload
def step(
    *,
    done: Events,
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
    after: Sequence[Step] | None = None,
) -> Callable[[Ask], Step]: ...
def step(
    command: type[Command] | None = None,
    *,
    done: Events,
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
    after: Sequence[Step] | None = None,
) -> Step | Callable[[Ask], Step]:
    """Declares a step: the method returns the command that asks a participant for it.

    A command that needs nothing but the saga's key is named in place of a method:
    ``hold_seat = step(HoldSeat, done=SeatHeld)``.

    `done` and `refused` are the events that answer it. `within` bounds the whole step, its retries
    included; without it the saga waits for ever. `retry` says how often a fault is tried again.
    `after` names the steps above that must be done first: by default the one declared before it;
    ``after=()`` starts it with the saga, so steps run in parallel where none waits for the other.

    A method annotated ``-> Command | None`` is a conditional step: where it returns None the step
    is skipped, which is recorded, and there is nothing to undo.
    """

    def declare(ask: Ask) -> Step:
        waits_for = None if after is None else tuple(after)
        answers = _classes(done), _classes(refused)
        return Step(ask, *answers, kind, within, retry or Retry(), waits_for)

    return declare if command is None else declare(ByKey(command))


@overload
def on_compensated(ask: Ask) -> Closing: ...
@overload
def on_compensated(*, retry: Retry) -> Callable[[Ask], Closing]: ...
def on_compensated(ask: Ask | None = None, *, retry: Retry | None = None) -> Any:
    """Declares the command that is given when every effect has been taken back.

    It may return None, and then there is none. `retry` says how often a fault is tried again.
    """
    return _closing(ask, retry, completed=False)


@overload
def on_completed(ask: Ask) -> Closing: ...
@overload
def on_completed(*, retry: Retry) -> Callable[[Ask], Closing]: ...
def on_completed(ask: Ask | None = None, *, retry: Retry | None = None) -> Any:
    """Declares the command that is given when every step is done; see `on_compensated`."""
    return _closing(ask, retry, completed=True)


def _closing(ask: Ask | None, retry: Retry | None, *, completed: bool) -> Any:
    def declare(ask: Ask) -> Closing:
        return Closing(ask.__name__, ask, retry or Retry(), completed)

    return declare if ask is None else declare(ask)


@dataclass(frozen=True)
class Locks:
    """What a saga keeps to itself from its start to its end."""

    name: str
    claim: Callable[[Any], Iterable[str]]
    wait: bool


@overload
def locks(claim: Callable[[Any], Iterable[str]]) -> Locks: ...
@overload
def locks(*, wait: bool) -> Callable[[Callable[[Any], Iterable[str]]], Locks]: ...
def locks(claim: Any = None, *, wait: bool = True) -> Any:
    """Declares a method that names what a saga keeps to itself: ``customer:42``.

    It sees the event that starts the saga. All names are taken at once, before the first step, and
    given back with the end. Another saga that wants one of them waits for its turn, or with
    ``wait=False`` is refused: it turns round at once, and says who holds it. Sagas of all classes
    whose logs are in one store share the names.
    """

    def declare(claim: Callable[[Any], Iterable[str]]) -> Locks:
        return Locks(claim.__name__, claim, wait)

    return declare if claim is None else declare(claim)


def hears(*events: type) -> Callable[[F], Fold]:
    """Declares a method that takes an event into the saga's own state, as attributes of `self`.

    It is called for each such event that counted, in the order of hearing, before a command is
    made. The state is never stored: it follows from what was heard, so the method must be pure.
    Give each attribute its first value in the class body.
    """

    def declare(take: F) -> Fold:
        return Fold(take.__name__, events, take)

    return declare


def _classes(given: Events) -> tuple[type, ...]:
    return given if isinstance(given, tuple) else (given,)
