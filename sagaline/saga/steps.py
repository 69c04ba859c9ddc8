"""The parts that a saga is declared with: steps with undos, closing commands, folds and locks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final, TypeVar, overload

from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import (
    refuse_no_command,
    refuse_no_events,
    refuse_no_method,
    refuse_wrong,
)
from sagaline.messaging.namespace import SagaPart
from sagaline.messaging.retry import Retry

F = TypeVar("F", bound=Callable[..., Any])
CommandMethod = Callable[[Any], Command | None]
"""A method of a saga that makes the command for a step, an undo or the end."""

Events = type | tuple[type, ...]

RETRY_CURE: Final = "Write retry=Retry(attempts=5)."


class Kind(Enum):
    """What a step means for the compensation of its saga."""

    COMPENSATABLE = "compensatable"
    """Its effect can be undone; an undo is required."""
    NO_EFFECT = "no effect"
    """It has no effect that remains, so there is nothing to undo."""
    PIVOT = "pivot"
    """The point of no return: once it is done, the saga goes forward only."""
    RETRIABLE = "retriable"
    """A step after the pivot: it is retried until it is done."""


COMPENSATABLE, NO_EFFECT, PIVOT, RETRIABLE = Kind


class CommandByKey:
    """Makes a command from the saga's key alone; it is named by the attribute that holds it."""

    def __init__(self, command: type[Command], decorator: str) -> None:
        refuse_no_command(command, decorator, f"Write {decorator}(PayOrder, done=Order.Paid).")
        self.command = command
        self.__name__ = command.__name__

    def __call__(self, saga: Any) -> Command:
        """Makes the command, as a method of the saga would."""
        return self.command(**{str(self.command.key_field): saga.key})


class CommandPart(SagaPart):
    """A part of a saga that issues a command; it has the name of the method that makes it."""

    make_command: CommandMethod

    def __set_name__(self, owner: type, name: str) -> None:
        if isinstance(self.make_command, CommandByKey):
            self.make_command.__name__ = name

    @property
    def name(self) -> str:
        """The name in the class of the saga."""
        return self.make_command.__name__


@dataclass(frozen=True)
class Undo(CommandPart):
    """The command that undoes the effect of a step, and the events that answer it."""

    make_command: CommandMethod
    done: tuple[type, ...]
    refused: tuple[type, ...]


class Step(CommandPart):
    """One local transaction of a saga: its command, and the events that answer it.

    `after` names the steps that it waits for; it is set when the saga class is defined.
    """

    def __init__(
        self,
        make_command: CommandMethod,
        done: tuple[type, ...],
        refused: tuple[type, ...],
        kind: Kind,
        within: timedelta | None,
        retry: Retry,
        waits_for: "tuple[Step, ...] | None",
        expected: timedelta | None = None,
    ) -> None:
        self.make_command = make_command
        self.done = done
        self.refused = refused
        self.kind = kind
        self.within = within
        self.retry = retry
        self.waits_for = waits_for
        self.expected = expected
        self.after: tuple[str, ...] = ()
        self.undoing: Undo | None = None

    @overload
    def undo(self, command: type[Command], *, done: Events, refused: Events = ()) -> Undo: ...
    @overload
    def undo(self, *, done: Events, refused: Events = ()) -> Callable[[CommandMethod], Undo]: ...
    def undo(
        self, command: type[Command] | None = None, *, done: Events = (), refused: Events = ()
    ) -> Undo | Callable[[CommandMethod], Undo]:
        """Declares the command that undoes the effect of the step.

        `done` is the event that says that the step is undone, `refused` the event that says that
        it cannot be undone. The undo must be safe to run when the outcome of the step is unknown.
        Like a step, an undo is declared by a method, or by a command class alone.
        """

        def declare(make_command: CommandMethod) -> Undo:
            _refuse_no_maker(make_command)
            self.undoing = Undo(make_command, *_answers("undo", make_command, done, refused))
            return self.undoing

        return declare if command is None else declare(CommandByKey(command, "undo"))


@dataclass(frozen=True)
class Closing(SagaPart):
    """The last command of a saga: when all steps are done, or when all effects are undone."""

    name: str
    make_command: CommandMethod
    retry: Retry
    completed: bool


@dataclass(frozen=True)
class Fold(SagaPart):
    """A method that applies an event to the state of the saga object."""

    name: str
    events: tuple[type, ...]
    apply: Callable[[Any, Any], Any]


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
    expected: timedelta | None = None,
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
    expected: timedelta | None = None,
) -> Callable[[CommandMethod], Step]: ...
def step(
    command: type[Command] | None = None,
    *,
    done: Events = (),
    refused: Events = (),
    kind: Kind = COMPENSATABLE,
    within: timedelta | None = None,
    retry: Retry | None = None,
    after: Sequence[Step] | None = None,
    expected: timedelta | None = None,
) -> Step | Callable[[CommandMethod], Step]:
    """Declares a step: the method returns the command that requests it from a participant.

    A command class that needs only the saga's key can stand in place of the method:
    ``hold_seat = step(HoldSeat, done=SeatHeld)``.

    `done` and `refused` are the events that answer the command. `within` is the time limit of the
    whole step, its retries included; without it the saga waits without limit. `retry` says how
    often the step is retried after a fault. `after` names the steps above that must be done first,
    by default the step declared before it; ``after=()`` starts the step with the saga. Steps of
    which neither waits for the other run in parallel. `expected` is how long the step should take:
    where it takes longer, `sagaline status` names it, and nothing else happens.

    A method annotated ``-> Command | None`` declares a conditional step: where it returns None,
    the step is recorded as skipped, and there is nothing to undo.
    """

    def declare(make_command: CommandMethod) -> Step:
        _refuse_no_maker(make_command)
        steps: Any = after if after is None or isinstance(after, list | tuple) else (after,)
        waits_for = None if steps is None else tuple(steps)
        answers = _answers("step", make_command, done, refused)
        return Step(make_command, *answers, kind, within, attempts, waits_for, expected)

    attempts = Retry() if retry is None else retry

    return declare if command is None else declare(CommandByKey(command, "step"))


@overload
def on_compensated(make_command: CommandMethod) -> Closing: ...
@overload
def on_compensated(*, retry: Retry) -> Callable[[CommandMethod], Closing]: ...
def on_compensated(make_command: CommandMethod | None = None, *, retry: Retry | None = None) -> Any:
    """Declares the command that is issued when every effect has been undone.

    The method may return None for no command. `retry` says how often it is retried after a fault.
    """
    return _closing(make_command, retry, completed=False)


@overload
def on_completed(make_command: CommandMethod) -> Closing: ...
@overload
def on_completed(*, retry: Retry) -> Callable[[CommandMethod], Closing]: ...
def on_completed(make_command: CommandMethod | None = None, *, retry: Retry | None = None) -> Any:
    """Declares the command that is issued when every step is done; see `on_compensated`."""
    return _closing(make_command, retry, completed=True)


def _closing(make_command: CommandMethod | None, retry: Retry | None, *, completed: bool) -> Any:
    attempts = Retry() if retry is None else retry
    refuse_wrong(attempts, Retry, "@on_completed and @on_compensated", RETRY_CURE)

    def declare(make_command: CommandMethod) -> Closing:
        _refuse_no_maker(make_command)
        return Closing(make_command.__name__, make_command, attempts, completed)

    return declare if make_command is None else declare(make_command)


@dataclass(frozen=True)
class Locks(SagaPart):
    """The names that a saga instance locks from its start to its end."""

    name: str
    names: Callable[[Any], Iterable[str]]
    wait: bool


@overload
def locks(names: Callable[[Any], Iterable[str]]) -> Locks: ...
@overload
def locks(*, wait: bool) -> Callable[[Callable[[Any], Iterable[str]]], Locks]: ...
def locks(names: Any = None, *, wait: bool = True) -> Any:
    """Declares the method that returns the names to lock, as ``customer:42``.

    The method can read the event that starts the saga. The instance acquires all names together,
    before its first step, and releases them with its end. Another instance that wants one of them
    waits in a queue, or compensates at once with ``wait=False``; its reason says which instance
    holds the lock. Sagas of all classes whose logs are in one store share the names.
    """
    refuse_wrong(wait, bool, "@locks(wait=...)", "Write wait=False.")

    def declare(names: Callable[[Any], Iterable[str]]) -> Locks:
        refuse_no_method(names, "self", may_yield=True)
        return Locks(names.__name__, names, wait)

    return declare if names is None else declare(names)


def hears(*events: type) -> Callable[[F], Fold]:
    """Declares a method that applies events to the state of the saga: to attributes of `self`.

    It is called for each such event that had an effect, in the order of receipt, before a command
    is made. The state is not stored but derived from the events, so the method must be pure. Give
    each attribute its initial value in the class body.
    """
    refuse_no_events(events or (None,), "@hears", "Write @hears(Order.Paid).")

    def declare(apply: F) -> Fold:
        refuse_no_method(apply, "self", "event")
        return Fold(apply.__name__, events, apply)

    return declare


def _refuse_no_maker(make_command: CommandMethod) -> None:
    if not isinstance(make_command, CommandByKey):
        refuse_no_method(make_command, "self")


def _answers(
    decorator: str, method: CommandMethod, *given: Events
) -> tuple[tuple[type, ...], tuple[type, ...]]:
    done, refused = (each if isinstance(each, tuple) else (each,) for each in given)
    cure = f"Write @{decorator}(done=Order.Paid), or done=(Order.Paid, Order.Waived)."
    refuse_no_events((*done, *refused), f"@{decorator} of {method.__name__}", cure)
    return done, refused


PARTS: Final = (Step, Undo, Closing, Fold, Locks)
"""What decorators make of the methods of a saga class."""
