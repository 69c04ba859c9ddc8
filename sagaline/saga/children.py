"""Sagas as steps of other sagas: how a parent takes a child back, and what the child tells it."""

from typing import Any, ClassVar, Literal, NamedTuple, get_args
from uuid import UUID

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named

WhenAbandoned = Literal["leave", "take back"]
"""What becomes of the children of a saga that a person abandons."""


class TakeBack(Command, key="saga_key"):
    """Asks a child saga to end with nothing done: it compensates, even if it is completed."""

    TOPIC: ClassVar[str] = "sagaline:TakeBack"

    saga: str
    saga_key: str
    reason: str


class Call(NamedTuple):
    """A request of a parent saga that its child has not answered yet."""

    saga: str
    key: str
    request: UUID
    take_back: str
    """Why the child is to end with nothing done; empty where it is asked to complete."""


class TakeBackChild:
    """Makes the command that undoes a step which is a saga of its own."""

    command = TakeBack

    def __init__(self, step: Any) -> None:
        self._step = step

    @property
    def __name__(self) -> str:
        return f"take_back_{self._step.name}"

    def __call__(self, saga: Any, *items: Any) -> TakeBack:
        """Makes the command, as a method of the saga would."""
        started = self._step.make_command(saga, *items)
        child = self._step.child._sagaline_declaration
        key = child.instance_key(started)
        return TakeBack(
            saga=child.name, saga_key=key, reason=saga.reason or "its parent was abandoned"
        )


def child_of(done: Any) -> Any:
    """The saga class that a step is done by; None where the step is done by events."""
    is_saga = isinstance(done, type) and getattr(done, "_sagaline_is_saga", False)
    return done if is_saga else None


def check_when_abandoned(saga: str, given: Any) -> None:
    """Refuses what says nothing about the children of an abandoned saga. Raises DefinitionError."""
    if given not in get_args(WhenAbandoned):
        where, problem = f"{saga}: when_abandoned=", f"{named(given)} is not known"
        cure = 'Write when_abandoned="take back", or leave it out.'
        raise DefinitionError(where=where, problem=problem, cure=cure)


def check_child(where: str, child: Any, command: type, compensatable: bool) -> None:
    """Refuses a child that the command does not start, or that cannot be taken back.

    Raises DefinitionError.
    """
    declaration = child._sagaline_declaration
    if command not in declaration.starts:
        problem = f"{command.__name__} does not start {child.__name__}"
        cure = f"Write class {child.__name__}(Saga, starts_on={command.__name__}, ...)."
        raise DefinitionError(where=where, problem=problem, cure=cure)
    kept = [each.name for each in declaration.steps.values() if not each.can_be_taken_back]
    if compensatable and kept:
        raise DefinitionError(
            where=where,
            problem=f"{child.__name__} cannot be taken back: {kept[0]} has no undo",
            cure=f"Declare @{kept[0]}.undo(done=...), or say kind=PIVOT or RETRIABLE here.",
        )
