"""What an application may save: aggregates of its own classes, read from its own log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import EventStore

from sagaline.application.declaration import declaration_of
from sagaline.application.unit_of_work import UnitOfWork
from sagaline.errors import NotStorable


class Ownership(dict[type, str | None]):
    """Class of an aggregate or an event -> why this application does not save it; None if it does.

    The nearest class that is declared counts, so that a subclass belongs where its base does. An
    application without `aggregates` saves what no other application of its system declares.
    """

    def __init__(self, own: Sequence[type], others: Mapping[type, str]) -> None:
        super().__init__()
        self._declared = ", ".join(each.__name__ for each in own)
        self._known: dict[type, str | None] = {}
        for aggregate, owner in [*others.items(), *((each, None) for each in own)]:
            self._known |= dict.fromkeys([aggregate, *events_of(aggregate)], owner)

    def __missing__(self, cls: type) -> str | None:
        nearest = next((each for each in cls.__mro__ if each in self._known), None)
        if nearest is not None:
            owner = self._known[nearest]
            reason = owner and f"it belongs to {owner}: give {owner} a command"
        elif not self._declared or issubclass(cls, DomainEvent):
            reason = None
        else:
            reason = (
                f"its `aggregates` are {self._declared}: add {cls.__name__} to them, or give a "
                "command to the application that owns it"
            )
        self[cls] = reason
        return reason

    def refuse_others(self, given: Iterable[Any], where: str) -> None:
        """Raises NotStorable for an aggregate or an event of another application."""
        for each in given:
            reason = self[type(each)]
            if reason is not None:
                raise _not_own(each, where, reason)


def ownership_among(application: type[Any], all_applications: Iterable[type[Any]]) -> Ownership:
    """What an application saves in a system of these applications."""
    others = [each for each in all_applications if each is not application]
    return Ownership(
        declaration_of(application).aggregates,
        {cls: each.name for each in others for cls in declaration_of(each).aggregates},
    )


def events_of(*aggregates: type) -> Iterator[type[DomainEvent]]:
    """The event classes that are defined in aggregate classes."""
    for aggregate in aggregates:
        for event in vars(aggregate).values():
            if isinstance(event, type) and issubclass(event, DomainEvent):
                yield event


def refuse_unread(
    given: Iterable[Any], unit: UnitOfWork | None, events: EventStore[Any], where: str
) -> None:
    """Raises NotStorable for an aggregate with a past that this log does not have.

    It was read from the log of another application, which has an aggregate of the same id.
    """
    for each in given:
        if has_past(each) and not (_is_in_unit(each, unit) if unit else _is_in(each, events)):
            reason = "it is not what its log has: read it with the application's own repository"
            raise _not_own(each, where, reason)


def has_past(given: Any) -> bool:
    """Whether it is an aggregate with new events that follow others."""
    pending = getattr(given, "pending_events", None)
    return bool(pending and pending[0].originator_version > 1)


def _is_in_unit(aggregate: Any, unit: UnitOfWork) -> bool:
    """Whether the unit has read this aggregate, or one that began at the same time."""
    (known,) = unit.find([aggregate.id])
    version = aggregate.pending_events[0].originator_version - 1
    return known is aggregate or (
        known is not None and known.version >= version and _began(known) == _began(aggregate)
    )


def _is_in(aggregate: Any, events: EventStore[Any]) -> bool:
    """Whether a log begins with the first event of this aggregate, unless it has none of it."""
    began = _began(aggregate)
    return all(
        getattr(each, "timestamp", began) == began for each in events.get(aggregate.id, limit=1)
    )


def _began(aggregate: Any) -> Any:
    return getattr(aggregate, "created_on", None)


def _not_own(given: Any, where: str, reason: str) -> NotStorable:
    return NotStorable(event=type(given).__qualname__, reason=f"{where} gave it, and {reason}")
