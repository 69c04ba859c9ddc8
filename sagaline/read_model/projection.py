"""Handlers of a read model: the methods marked `@project`, by the events that they handle."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, TypeVar

from sagaline.errors import DefinitionError
from sagaline.messaging.declaring import (
    missing_arguments,
    refuse_no_events,
    refuse_no_method,
)
from sagaline.messaging.lazy import name_of

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True)
class Projection:
    """A handler of a read model; one without events handles every event."""

    name: str
    events: tuple[type, ...]
    takes_message: bool


@dataclass(frozen=True)
class Projections:
    """All handlers of a read model."""

    by_event: Mapping[type, Projection]
    catch_all: Projection | None
    """The handler of every event that has none of its own."""

    @property
    def events(self) -> tuple[type, ...]:
        """The event classes that are handled; empty where every event is."""
        return () if self.catch_all else tuple(self.by_event)

    def of(self, event: type) -> Projection | None:
        """The handler of an event class, or of the nearest class that it derives from."""
        found = (self.by_event[each] for each in event.__mro__ if each in self.by_event)
        return next(found, self.catch_all)


def project(*events: type) -> Callable[[F], F]:
    """Marks a method of a read model as the handler of these events and of their subclasses.

    Without events it handles every event that has a key, of every log of the system. A second
    parameter receives the `Message`, with key, cause, hop and position. The handler runs in memory
    and may run again after a batch was rolled back, so it must change nothing but rows.

    Raises `DefinitionError` where an argument is not an event class, or the method's parameters
    do not fit.
    """
    cure = "Write @project(Order.Placed), or @project() for every event."
    refuse_no_events(events, "@project", cure)

    def declare(function: F) -> F:
        refuse_no_method(function)
        takes_message = _check_handler(function)
        function._sagaline_part_of = "ReadModel"  # type: ignore[attr-defined]
        function._projection = Projection(function.__name__, events, takes_message)  # type: ignore[attr-defined]
        return function

    return declare


def _check_handler(function: Callable[..., Any]) -> bool:
    """Whether it takes the message too."""
    takes_message = len(signature(function).parameters) == 3 and not missing_arguments(
        function, "self", "event", "message"
    )
    if hasattr(function, "_projection"):
        problem, cure = "it is marked twice", "Name all its events in one @project(...)."
    elif not takes_message and missing_arguments(function, "self", "event"):
        problem = "it does not take an event"
        cure = "Write (self, event), or (self, event, message)."
    else:
        return takes_message
    raise DefinitionError(where=name_of(function), problem=problem, cure=cure)


def collect_projections(cls: type) -> Projections:
    """Collects the handlers of a class, inherited ones included. Raises `DefinitionError`."""
    declared = list(_declared(cls))
    if not declared:
        raise DefinitionError(
            where=cls.__name__,
            problem="it has no handlers",
            cure="Mark a method with @project(Order.Placed).",
        )
    return Projections(_by_event(cls, declared), _catch_all(cls, declared))


def _declared(cls: type) -> Iterator[Projection]:
    methods: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        methods |= vars(base)
    for name, method in methods.items():
        found = getattr(method, "_projection", None)
        if isinstance(found, Projection):
            yield replace(found, name=name)
        elif hasattr(getattr(method, "__func__", getattr(method, "fget", None)), "_projection"):
            raise DefinitionError(
                where=f"{cls.__name__}.{name}",
                problem=f"@project marks a {type(method).__name__}",
                cure="Mark a plain method.",
            )


def _by_event(cls: type, declared: list[Projection]) -> dict[type, Projection]:
    found: dict[type, Projection] = {}
    for projection in declared:
        for event in projection.events:
            if event in found:
                raise DefinitionError(
                    where=f"{cls.__name__}.{projection.name}",
                    problem=f"{event.__qualname__} is handled by {found[event].name} too",
                    cure="Handle each event once.",
                )
            found[event] = projection
    return found


def _catch_all(cls: type, declared: list[Projection]) -> Projection | None:
    found = [each for each in declared if not each.events]
    if len(found) > 1:
        raise DefinitionError(
            where=f"{cls.__name__}.{found[1].name}",
            problem=f"{found[0].name} handles every event already",
            cure="Keep one @project() without events.",
        )
    return found[0] if found else None
