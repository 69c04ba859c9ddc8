"""Events that a test declares by the fields that matter to it."""

import sys
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate, CanInitAggregate
from eventsourcing.utils import get_topic
from typing_extensions import override

from sagaline.messaging.declaring import refuse_given

SOMEONE = UUID("00000000-0000-4000-8000-000000000001")
"""The id of every aggregate for which the test gives no id."""

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of the first event of a history; each later event is one second after the previous."""

ENVELOPE = {"originator_id", "originator_version", "timestamp", "originator_topic"}
"""The fields that the library adds to each event."""


@dataclass(frozen=True)
class Happened:
    """An event class and the fields that matter to the test."""

    event_class: type[Any]
    fields: dict[str, Any]

    def to_event(self, aggregate_class: type[Any], id: UUID | str, version: int) -> Any:
        """Builds the event, with the envelope that the test left out."""
        envelope: dict[str, Any] = {
            "originator_id": id,
            "originator_version": version,
            "timestamp": LONG_AGO + timedelta(seconds=version - 1),
        }
        if issubclass(self.event_class, CanInitAggregate):
            envelope["originator_topic"] = get_topic(aggregate_class)
        return self.event_class(**(envelope | self.fields))

    @override
    def __str__(self) -> str:
        return as_call(self.event_class, self.fields)


def happened(event_class: type[Any], /, **fields: Any) -> Happened:
    """Declares an event by its fields alone: the kit fills in id, version and time.

    History needs all fields of the event; an expectation needs those that matter.
    """
    if not is_dataclass(event_class):
        refuse_given(event_class, "happened", "Write happened(Order.Placed, ...), with an event.")
    return Happened(event_class, fields)


def owner_of(event_class: type[Any]) -> type[Any]:
    """The aggregate class that an event class is nested in; `Aggregate` where there is none."""
    found: Any = sys.modules[event_class.__module__]
    for name in event_class.__qualname__.split(".")[:-1]:
        found = getattr(found, name, None)
    return found if isinstance(found, type) else Aggregate


def as_call(kind: type[Any], fields: dict[str, Any]) -> str:
    """``Order.Cancelled(reason='no stock')``."""
    return f"{kind.__qualname__}({', '.join(f'{k}={v!r}' for k, v in fields.items())})"
