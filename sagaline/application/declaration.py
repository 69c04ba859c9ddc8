"""What an application class declares: its aggregates, its handlers and its reactions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eventsourcing.domain import DomainEvent

from sagaline.application.handlers import Handler
from sagaline.application.reactions import Reaction, reactions_of
from sagaline.application.refusals import check_recorded
from sagaline.codec import type_snapshots
from sagaline.errors import DefinitionError
from sagaline.messaging.by_class import ByClass
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_wrapped
from sagaline.messaging.identity import Begin
from sagaline.messaging.lazy import refuse_lazy


@dataclass(frozen=True)
class Declaration:
    """The parts of an application that the engine reads.

    They stand in one object beside the class, so that the names in the class are the user's.
    """

    aggregates: tuple[type, ...] = ()
    handlers: Mapping[type, Handler[Any]] = field(default_factory=dict)
    """Command class -> its handler."""
    reactions: Mapping[type, Reaction] = field(default_factory=dict)
    """Event class of another application -> the method that makes a command of it."""
    answers_faults: bool = False
    """Whether it records `CommandFaulted` where a port fails."""
    begin: Begin | None = None
    """Where it begins in logs with history, which it has never read."""

    @cached_property
    def reaction_to(self) -> ByClass[Reaction]:
        """The reaction to events of a class, which may be declared for a class it derives from."""
        return ByClass(self.reactions)


def declaration_of(application: type[Any]) -> Declaration:
    """What an application class declares."""
    declared: Declaration = application._sagaline_declaration
    return declared


def declare(cls: type[Any], begin: Begin | None = None) -> Declaration:
    """Reads a new application class. Raises DefinitionError."""
    inherited = declaration_of(cls)
    refuse_wrapped(cls, Handler, Reaction)
    _check_aggregates(cls)
    _type_snapshots(cls)
    handlers = {**inherited.handlers, **_handlers(cls)}
    return Declaration(
        tuple(cls.aggregates),
        handlers,
        reactions_of(cls),
        any(each.port_call is not None for each in handlers.values()),
        begin,
    )


def _handlers(cls: type[Any]) -> dict[type, Handler[Any]]:
    found: dict[type, Handler[Any]] = {}
    for each in _members(cls):
        where = f"{cls.__name__}.{each.__name__}"
        each.check(where)
        check_recorded(each.refuses, cls.aggregates, where)
        if each.command in found:
            raise DefinitionError(
                where=where,
                problem=f"a second handler of {each.command.__name__}",
                cure="Keep one.",
            )
        found[each.command] = each
    return found


def _members(cls: type[Any]) -> Iterator[Handler[Any]]:
    """The handlers in a class, and in classes that it derives from which are no applications."""
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        if owner is cls or not hasattr(owner, "_sagaline_declaration"):
            found |= vars(owner)
    return (each for each in found.values() if isinstance(each, Handler))


def checked_aggregates(cls: type[Any], given: Any) -> tuple[type, ...]:
    """The aggregate classes that an application is given. Raises DefinitionError."""
    where, cure = f"{cls.__name__}.aggregates", "Write aggregates=[Order], with your classes."
    if not isinstance(given, list | tuple):
        raise DefinitionError(where=where, problem=f"{named(given)} is no list", cure=cure)
    for each in given:
        if not isinstance(each, type) or issubclass(each, DomainEvent | Command):
            problem = f"{named(each)} is not an aggregate class"
            raise DefinitionError(where=where, problem=problem, cure=cure)
    return tuple(given)


def _check_aggregates(cls: type[Any]) -> None:
    """An event that is applied by a coroutine would change no aggregate."""
    for aggregate in checked_aggregates(cls, cls.aggregates):
        for name, value in vars(aggregate).items():
            where = f"{aggregate.__name__}.{name}"
            refuse_lazy(getattr(value, "decorated_func", None), where)
            refuse_lazy(vars(value).get("apply") if isinstance(value, type) else None, where)


def _type_snapshots(cls: type[Any]) -> None:
    for aggregate, interval in cls.snapshotting_intervals.items():
        if type(interval) is not int or interval < 1 or not isinstance(aggregate, type):
            raise DefinitionError(
                where=f"{cls.__name__}.snapshotting_intervals",
                problem=f"a snapshot of {named(aggregate)} every {interval} events",
                cure="Give a number of events, as in `{Stock: 200}`.",
            )
        type_snapshots(aggregate)
