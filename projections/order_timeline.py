"""Which events does an order have, and what caused them?"""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache, singledispatch
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select

from domain.money import Money
from domain.order import Order
from domain.payment import Payment
from domain.reservation import Reservation
from domain.shipment import Shipment
from domain.stock import Stock
from projections.results import rows_of
from projections.tables import order_timeline
from sagaline import CommandFaulted, Journal, Message, ReadModel, project

LONGEST: Final = 120
"""Characters of a summary, which is one line on a screen."""

_ENVELOPE: Final = frozenset(
    {"originator_id", "originator_version", "originator_topic", "timestamp", "id", "order_id"}
)


class OrderTimeline(ReadModel):
    """One row per event of an order, over all logs, the saga's commands included.

    The query sorts them into causal order, so the order of arrival has no effect.
    """

    table = order_timeline
    cached_rows = 0

    @project()
    def happened(self, event: Any, message: Message) -> None:
        order_id = _order_of(message.key)
        kind: Any = type(event)
        if order_id is not None:
            self.rows[order_id, message.application, message.id] = {
                "hop": message.hop,
                "happened_at": event.timestamp,
                "event": name_of(event),
                "summary": _one_line(_summary_of(kind)(event)),
            }


def timeline(connection: Connection, order_id: UUID) -> list[dict[str, Any]]:
    """The events of an order, causes before effects."""
    table = order_timeline.c
    query = select(order_timeline).where(table.order_id == order_id)
    return rows_of(
        connection, query.order_by(table.hop, table.happened_at, table.application, table.id)
    )


@lru_cache(16_384)
def _order_of(key: str | None) -> UUID | None:
    try:
        return UUID(key)
    except (TypeError, ValueError):
        return None


# For each event: a dictionary is several times faster than the dispatch of singledispatch.
@cache
def _summary_of(kind: type) -> Callable[[Any], str]:
    return summary.dispatch(kind)


def _one_line(text: str) -> str:
    return (text if text.isprintable() else " ".join(text.split()))[:LONGEST]


def name_of(event: Any) -> str:
    """The name of an event: ``Order.Placed``, or the command that a saga issues."""
    kind: Any = type(event.command if isinstance(event, Journal.Requested) else event)
    return _name_of_class(kind)


@cache
def _name_of_class(kind: type) -> str:
    return kind.__qualname__.rpartition("<locals>.")[2]


@singledispatch
def summary(event: Any) -> str:
    """An event in one line; by default its plain fields."""
    said = [(name, _plain(value)) for name, value in vars(event).items() if name not in _ENVELOPE]
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said if value)


def _plain(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return str(value) if isinstance(value, str | int | Decimal | UUID | Money) else ""


@summary.register
def _(event: Order.Placed) -> str:
    return f"{_pieces(event.lines)} for {event.total}"


@summary.register
def _(event: Order.Completed) -> str:
    return str(event.total)


@summary.register(Order.Cancelled)
@summary.register(Reservation.Refused)
@summary.register(Payment.Declined)
@summary.register(Payment.Voided)
@summary.register(Payment.RefundRefused)
@summary.register(Shipment.Refused)
def _(event: Any) -> str:
    return str(event.reason)


@summary.register(Reservation.Made)
@summary.register(Reservation.Released)
@summary.register(Reservation.Dispatched)
def _(event: Any) -> str:
    return _pieces(event.lines)


@summary.register(Stock.Reserved)
@summary.register(Stock.Released)
@summary.register(Stock.Dispatched)
def _(event: Any) -> str:
    return f"{event.quantity} of {event.sku}"


@summary.register
def _(event: Payment.Pending) -> str:
    return f"{event.amount}, not known yet"


@summary.register
def _(event: Payment.Captured) -> str:
    return f"captured {event.amount}"


@summary.register
def _(event: Payment.Refunded) -> str:
    return f"refunded {event.amount}"


@summary.register
def _(event: Shipment.Booked) -> str:
    return f"tracking number {event.tracking_number}"


@summary.register
def _(event: CommandFaulted) -> str:
    return f"{event.command}, attempt {event.attempt}: {event.reason}"


@summary.register(Journal.Started)
@summary.register(Journal.Begun)
def _(event: Any) -> str:
    return f"{event.saga}: {', '.join(event.plan)}"


@summary.register
def _(event: Journal.Requested) -> str:
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"{event.role.value} {event.step}{again}"


@summary.register
def _(event: Journal.Noted) -> str:
    answer = event.answer
    return f"{answer.step} {answer.outcome.value}{'' if event.heeded else ', too late to matter'}"


@summary.register
def _(event: Journal.Parked) -> str:
    return f"{event.step}: {event.reason}"


@summary.register
def _(event: Journal.Intervened) -> str:
    why = f": {event.reason}" if event.reason else ""
    return f"{' '.join(filter(None, [event.action.value, event.step]))} by {event.by}{why}"


@summary.register
def _(event: Journal.Ended) -> str:
    return f"{event.state.value}: {event.reason}" if event.reason else event.state.value


def _pieces(lines: Any) -> str:
    count = sum(line.quantity for line in lines)
    return f"{_count(count, 'piece')} of {_count(len(lines), 'SKU')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
