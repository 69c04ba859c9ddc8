"""The parts of a saga that issue commands: steps with their undos, and closing commands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self, overload

from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import (
    refuse_no_command,
    refuse_no_events,
    refuse_no_method,
    refuse_wrong,
)
from sagaline.messaging.namespace import SagaPart
from sagaline.messaging.retry import Retry
from sagaline.saga.fan_out import FanOut
from sagaline.saga.kinds import COMPENSATABLE, PIVOT, RETRIABLE, Kind
from sagaline.saga.results import StepResult

CommandMethod = Callable[..., Command | None]
"""A method of a saga that makes the command for a step, an undo or the end.

It is called with the saga, and with an item where the step has items.
"""

Events = type | tuple[type, ...]

RETRY_CURE: Final = "Write retry=Retry(attempts=5)."


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

    `after` names the steps that it waits for; it is set when the saga class is defined. In a method
    of the saga, ``self.take_payment`` is what the instance knows of the step: a `StepResult`.
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
        fan_out: FanOut | None = None,
        optional: bool = False,
        instead_of: "Step | None" = None,
    ) -> None:
        self.make_command = make_command
        self.done = done
        self.refused = refused
        self.kind = kind
        self.within = within
        self.retry = retry
        self.waits_for = waits_for
        self.fan_out = fan_out
        self.optional = optional
        self.instead_of = instead_of
        self.after: tuple[str, ...] = ()
        self.undoing: Undo | None = None

    @property
    def is_forward_only(self) -> bool:
        """Whether the saga never compensates for want of an answer to it."""
        return self.kind in (PIVOT, RETRIABLE)

    @overload
    def __get__(self, saga: None, owner: type) -> Self: ...
    @overload
    def __get__(self, saga: object, owner: type) -> StepResult: ...
    def __get__(self, saga: Any, owner: type) -> Self | StepResult:
        """The step itself from the class, and what an instance of the saga knows of it."""
        if saga is None:
            return self
        items = None if self.fan_out is None else self.fan_out.items
        return StepResult(saga, self.name, items)

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
            _refuse_no_maker(make_command, self.fan_out)
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
    optional: bool = False,
    instead_of: Step | None = None,
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
    optional: bool = False,
    instead_of: Step | None = None,
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
    optional: bool = False,
    instead_of: Step | None = None,
) -> Step | Callable[[CommandMethod], Step]:
    """Declares a step: the method returns the command that requests it from a participant.

    A command class that needs only the saga's key can stand in place of the method:
    ``hold_seat = step(HoldSeat, done=SeatHeld)``.

    `done` and `refused` are the events that answer the command. `within` is the time limit of the
    whole step, its retries included; without it the saga waits without limit. `retry` says how
    often the step is retried after a fault. `after` names the steps above that must be done first,
    by default the step declared before it; ``after=()`` starts the step with the saga. Steps of
    which neither waits for the other run in parallel.

    A method annotated ``-> Command | None`` declares a conditional step: where it returns None,
    the step is recorded as skipped, and there is nothing to undo.

    An `optional` step may fail: the saga notes it, undoes the step where the outcome is unknown,
    and goes on. A step `instead_of` another, above it, is requested only where that one failed.
    """

    def declare(make_command: CommandMethod) -> Step:
        return declared_step(
            make_command, done, refused, kind, within, retry, after, None, optional, instead_of
        )

    return declare if command is None else declare(CommandByKey(command, "step"))


def declared_step(
    make_command: CommandMethod,
    done: Events,
    refused: Events,
    kind: Kind,
    within: timedelta | None,
    retry: Retry | None,
    after: Sequence[Step] | None,
    fan_out: FanOut | None = None,
    optional: bool = False,
    instead_of: Step | None = None,
) -> Step:
    """The step of a method, for the decorators. Raises DefinitionError."""
    _refuse_no_maker(make_command, fan_out)
    steps: Any = after if after is None or isinstance(after, list | tuple) else (after,)
    waits_for = None if steps is None else tuple(steps)
    return Step(
        make_command,
        *_answers("step", make_command, done, refused),
        kind,
        within,
        Retry() if retry is None else retry,
        waits_for,
        fan_out,
        optional,
        instead_of,
    )


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


def _refuse_no_maker(make_command: CommandMethod, fan_out: FanOut | None = None) -> None:
    if fan_out is not None:
        refuse_no_method(make_command, "self", "item")
    elif not isinstance(make_command, CommandByKey):
        refuse_no_method(make_command, "self")


def _answers(
    decorator: str, method: CommandMethod, *given: Events
) -> tuple[tuple[type, ...], tuple[type, ...]]:
    done, refused = (each if isinstance(each, tuple) else (each,) for each in given)
    cure = f"Write @{decorator}(done=Order.Paid), or done=(Order.Paid, Order.Waived)."
    refuse_no_events((*done, *refused), f"@{decorator} of {method.__name__}", cure)
    return done, refused
