"""What the stories of the fault matrix begin with."""

from collections.abc import Sequence
from typing import Any

from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import is_command_class
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.testing.given.example_values import candidates, example_event
from sagaline.testing.given.happened import SOMEONE, Happened


def starts_of(sagas: Sequence[type[Saga]], given: Any) -> list[Any]:
    """The events and commands that stories of several sagas begin with.

    Where none are given: an example of what starts each saga that no other saga starts.
    """
    starts = given if isinstance(given, list | tuple) else [given]
    if given is None:
        starts = _starts_from_outside(sagas)
    return [example_start(each, version) for version, each in enumerate(starts, 1)]


def example_start(start: Any, version: int = 1) -> Any:
    """The event or command that starts a saga, with examples for what a test leaves out."""
    if not isinstance(start, type):
        return example_event(start, version)
    if is_command_class(start):
        found: Command = next(candidates(start, ""))
        return found.model_copy(update={"id": SOMEONE})
    return example_event(Happened(start, {}), version)


def with_children(saga: type[Saga]) -> list[type[Saga]]:
    """A saga with the sagas that are its steps, and theirs."""
    found = [saga]
    for each in found:
        children = [step.child for step in saga_declaration(each).steps.values()]
        found += [child for child in children if child is not None and child not in found]
    return found


def _starts_from_outside(sagas: Sequence[type[Saga]]) -> list[type]:
    declarations = [saga_declaration(each) for each in sagas]
    children = {step.child for each in declarations for step in each.steps.values()}
    answers = {event for each in declarations for event in each.answers}
    roots = [each for each in sagas if each not in children]
    starts = [start for each in roots for start in saga_declaration(each).starts]
    return list(dict.fromkeys([each for each in starts if each not in answers] or starts))
