"""Events of the tests of the codec, and their way into a row and back."""

from collections import deque
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID, uuid4

from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import JSONTranscoder, StoredEvent
from pydantic import BaseModel

from domain.money import Money
from domain.payment import Payment
from sagaline.codec import NestedEvent, TypedMapper

E = TypeVar("E")

ORDER = UUID("11111111-1111-4111-8111-111111111111")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR = 10**5000

mapper = TypedMapper(JSONTranscoder())


def happened(event_class: type[E], /, **values: Any) -> E:
    envelope = {"originator_id": ORDER, "originator_version": 1, "timestamp": LONG_AGO}
    return event_class(**(envelope | values))


def again(event: Any) -> Any:
    """The event, written to a row and read from it."""
    return mapper.to_domain_event(mapper.to_stored_event(event))


def shape(value: Any) -> Any:  # noqa: C901  one case for each kind
    """A value with the types of all its parts, to compare with another."""
    kind = type(value)
    match value:
        case Enum():
            return kind, value.name
        case BaseModel():
            return kind, {name: shape(part) for name, part in vars(value).items()}
        case dict():
            return kind, [(shape(key), shape(part)) for key, part in value.items()]
        case list() | tuple() | deque():
            return kind, [shape(part) for part in value]
        case set() | frozenset():
            return kind, {(type(part), part) for part in value}
        case datetime() | time():
            return kind, value.replace(tzinfo=None), value.utcoffset(), value.fold
        case float() | Decimal():
            return kind, repr(value)
    if is_dataclass(value):
        return kind, [shape(getattr(value, each.name)) for each in fields(value)]
    return kind, value


USD = Money(amount=Decimal("9.99"), currency="USD")


class Renamed(DomainEvent):
    it: int


def one_field(annotation: Any) -> Any:
    """An event class with one field of this type."""
    name = f"Sent{uuid4().hex}"
    body = {"__annotations__": {"it": annotation}, "__module__": __name__}
    sent = type(name, (DomainEvent,), body)
    return globals().setdefault(name, sent)


def captured() -> Any:
    return Payment.capture(ORDER, USD, "ch_1").collect_events()[0]


def stored(topic: str, state: bytes = b"{}", version: int = 1) -> StoredEvent:
    return StoredEvent(ORDER, version, topic, state)


class Answered(DomainEvent):
    step: str
    event: NestedEvent
    others: tuple[NestedEvent | None, ...]


@dataclass(frozen=True)
class Answer:
    step: str
    event: NestedEvent | None


class Noted(DomainEvent):
    answer: Answer
