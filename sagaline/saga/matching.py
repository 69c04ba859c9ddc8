"""Which request of an instance an event answers."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sagaline.saga.declaration import Declaration
from sagaline.saga.instance import Journal
from sagaline.saga.items import step_name
from sagaline.saga.meaning import Meaning
from sagaline.saga.state import Role, StepStatus


class Match(NamedTuple):
    """The step, or the item, that an event answers."""

    name: str
    undo: bool
    done: bool


def answered(
    declaration: Declaration, journal: Journal, event: Any, request: UUID | None
) -> Match | str:
    """What an event answers, or why it answers nothing.

    `request` is the id of the command that led to the event. An event that names none, or one that
    it is no answer to, is known by its class, where that leaves one step.
    """
    meaning = declaration.meanings[type(event)]
    meanings = declaration.answers.get(meaning, ()) if meaning is not None else ()
    if not meanings:
        return "it answers no step"
    if request in journal.requests:
        name, role = journal.requests[request]
        for each in meanings:
            if each.step == step_name(name) and each.undo is (role is Role.UNDO):
                return Match(name, each.undo, each.done)
    only = meanings[0]
    if len(meanings) == 1 and declaration.steps[only.step].fan_out is None:
        return Match(*only)
    return _only(list(_awaited(journal, meanings)))


def _only(found: Sequence[Match]) -> Match | str:
    if len(found) == 1:
        return found[0]
    if not found:
        return "no step waits for it"
    names = ", ".join(each.name for each in found[:3])
    return f"it names no command, and {len(found)} steps or items wait for it: {names}"


def _awaited(journal: Journal, meanings: Sequence[Meaning]) -> Iterator[Match]:
    for name in sorted(journal.in_flight):
        undoing = journal.steps[name].status is StepStatus.UNDOING
        for each in meanings:
            if each.step == step_name(name) and each.undo is undoing:
                yield Match(name, each.undo, each.done)
