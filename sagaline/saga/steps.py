"""The steps of a saga, each with its undo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, Self, TypedDict, Unpack, overload

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import refuse_late, refuse_no_events
from sagaline.messaging.retry import Retry
from sagaline.saga.children import TakeBackChild, child_of
from sagaline.saga.command_part import (
    CommandByKey,
    CommandMethod,
    CommandPart,
    refuse_no_maker,
)
from sagaline.saga.deadline import Deadline
from sagaline.saga.fan_out import FanOut
from sagaline.saga.kinds import COMPENSATABLE, NO_EFFECT, PIVOT, RETRIABLE, Kind
from sagaline.saga.reminders import Reminded, Reminder
from sagaline.saga.results import StepResult

Events = type | tuple[type, ...]
"""Event classes, or a saga class: the step is done when that saga has completed."""

RETRY_CURE: Final = "Write retry=Retry(attempts=5)."


@dataclass(frozen=True)
class Undo(CommandPart):
    """The command that undoes the effect of a step, and the events that answer it."""

    make_command: CommandMethod
    done: tuple[type, ...]
    refused: tuple[type, ...]


class Step(Reminded):
    """One local transaction of a saga: its command, and the events that answer it.

    `after` names the steps that it waits for; it is set when the saga class is defined. In a method
    of the saga, ``self.take_payment`` is what the instance knows of the step: a `StepResult`.
    """

    waits: ClassVar[bool] = False
    """Whether it issues no command, and waits for an event from outside: see `wait_for`."""

    def __init__(
        self,
        make_command: CommandMethod,
        done: tuple[type, ...],
        refused: tuple[type, ...],
        options: "StepOptions",
        fan_out: FanOut | None = None,
        child: Any = None,
    ) -> None:
        self.make_command = make_command
        self.done = done
        self.refused = refused
        self.kind = options.get("kind", COMPENSATABLE)
        self.within = options.get("within")
        self.until = options.get("until")
        self.retry = options.get("retry")
        waits_for: Any = options.get("after")
        single = waits_for is not None and not isinstance(waits_for, list | tuple)
        self.waits_for: Sequence[Step] | None = (waits_for,) if single else waits_for
        self.optional = options.get("optional", False)
        self.instead_of = options.get("instead_of")
        self.expected = options.get("expected")
        self.fan_out = fan_out
        self.child = child
        self.reminders: list[Reminder] = []
        self.after: tuple[str, ...] = ()
        self.undoing: Undo | None = None
        if child is not None and self.kind is COMPENSATABLE:
            self.undoing = Undo(TakeBackChild(self), (), ())

    @property
    def can_be_taken_back(self) -> bool:
        """Whether a completed saga can undo it."""
        return self.undoing is not None or self.kind is NO_EFFECT

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
            refuse_late(self.is_placed, f"@undo of {self.name}", f"@{self.name}.undo")
            refuse_no_maker(make_command, for_item=self.fan_out is not None)
            answers = declared_answers("@undo", make_command.__name__, done, refused)
            self.undoing = Undo(make_command, *answers)
            return self.undoing

        return declare if command is None else declare(CommandByKey(command, "undo"))


class StepOptions(TypedDict, total=False):
    """The arguments of `step` and `step_for_each` beside the events: see there."""

    kind: Kind
    within: timedelta | None
    until: Deadline | None
    retry: Retry | None
    after: Sequence[Step] | None
    optional: bool
    instead_of: Step | None
    expected: timedelta | None


@overload
def step(
    command: type[Command], *, done: Events, refused: Events = (), **options: Unpack[StepOptions]
) -> Step: ...
@overload
def step(
    *, done: Events, refused: Events = (), **options: Unpack[StepOptions]
) -> Callable[[CommandMethod], Step]: ...
def step(
    command: type[Command] | None = None,
    *,
    done: Events = (),
    refused: Events = (),
    **options: Unpack[StepOptions],
) -> Step | Callable[[CommandMethod], Step]:
    """Declares a step: the method returns the command that requests it from a participant.

    A command class that needs only the saga's key can stand in place of the method:
    ``hold_seat = step(HoldSeat, done=SeatHeld)``.

    `done` and `refused` are the events that answer the command. `kind` says what the step means for
    the compensation: `COMPENSATABLE` unless another is given. `within` is the time limit of the
    whole step, its retries included; without it the saga waits without limit. `until` is a function
    from the saga to a date, an aware datetime; the earlier of both limits counts. `retry` says how
    often the step, and its undo, is tried in all where the port faults. Without it attempts go on,
    with longer and longer pauses, until the limit is over; an undo, and a step without a limit, has
    ten attempts in eight and a half minutes. `after` names the steps above that must be done first,
    by default the step declared before it; ``after=()`` starts the step with the saga. Steps of
    which neither waits for the other run in parallel. `expected` is how long the step should take;
    `sagaline status` names it where it takes longer.

    A method annotated ``-> Command | None`` declares a conditional step: where it returns None,
    the step is recorded as skipped, and there is nothing to undo.

    Where `done` names a saga class that the command starts, the step is that saga: done when it has
    completed, refused when it has compensated, and undone by taking it back. An `optional` step may
    fail: the saga goes on. A step `instead_of` another is requested only where that one failed.
    """

    def declare(make_command: CommandMethod) -> Step:
        return declared_step(make_command, done, refused, options)

    return declare if command is None else declare(CommandByKey(command, "step"))


def declared_step(
    make_command: CommandMethod,
    done: Events,
    refused: Events,
    options: StepOptions,
    fan_out: FanOut | None = None,
) -> Step:
    """The step of a method, for the decorators. Raises DefinitionError."""
    refuse_no_maker(make_command, for_item=fan_out is not None)
    if unknown := ", ".join(options.keys() - StepOptions.__annotations__.keys()):
        known = ", ".join(f"{each}=" for each in StepOptions.__annotations__)
        problem = f"the step has the unknown argument {unknown}"
        raise DefinitionError(where=make_command.__name__, problem=problem, cure=f"Known: {known}.")
    child = child_of(done)
    events = () if child else done
    answers = declared_answers("@step", make_command.__name__, events, refused)
    return Step(make_command, *answers, options, fan_out, child)


def declared_answers(
    mark: str, method: str, *given: Events, or_signals: bool = False
) -> tuple[tuple[type, ...], tuple[type, ...]]:
    """The events that say that a part is done, and those that say that it is refused.

    Raises DefinitionError.
    """
    done, refused = (each if isinstance(each, tuple) else (each,) for each in given)
    cure = f"Write {mark}(done=Order.Paid), or done=(Order.Paid, Order.Waived)."
    where = f"{mark} of {method}" if method else mark
    refuse_no_events((*done, *refused), where, cure, or_signals=or_signals)
    return done, refused
