"""A customer's order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import reduce
from operator import add
from typing import Annotated, Any, Final, Self
from uuid import UUID

from eventsourcing.domain import Aggregate, CanInitAggregate, event
from pydantic import BaseModel, ConfigDict, StringConstraints
from typing_extensions import override

from domain.errors import EmptyOrder, OrderClosed, SkuAtTwoPrices, TooManyLines
from domain.goods import Quantity, Sku, check_quantity
from domain.money import Money

MAX_LINES: Final = 1_000
"""Lines of one order: an event carries them all, and is read as a whole."""


class OrderLine(BaseModel):
    """So many pieces of one article at one price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Sku
    quantity: Quantity
    unit_price: Money

    @property
    def total(self) -> Money:
        """What the line costs."""
        return self.unit_price * self.quantity


class ShipTo(BaseModel):
    """Where an order goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    postcode: Annotated[str, StringConstraints(max_length=16)]


class Terms(BaseModel):
    """How an order is paid and where it goes: all that is to be done once its goods are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    total: Money
    payment_method: str
    ship_to: ShipTo


class Status(StrEnum):
    """Where an order stands."""

    PLACED = "placed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Order(Aggregate):
    """A customer's order: placed once, then completed or cancelled once.

    What ends an order says when it was placed and what it was worth, so that a report of sales
    can be made from the end alone.
    """

    total: Money

    class Placed(Aggregate.Created):
        """A customer has ordered."""

        customer_id: str
        lines: tuple[OrderLine, ...]
        total: Money
        payment_method: str
        ship_to: ShipTo

        @override
        def apply(self, order: Order) -> None:
            order.total = self.total

    class Completed(Aggregate.Event):
        """The order was paid and is on its way."""

        placed_at: datetime
        total: Money

    class Cancelled(Aggregate.Event):
        """The order ended as if it had never been placed."""

        reason: str
        placed_at: datetime
        total: Money

    @event(Placed)
    def __init__(
        self,
        id: UUID,
        customer_id: str,
        lines: tuple[OrderLine, ...],
        payment_method: str,
        ship_to: ShipTo,
    ) -> None:
        self.customer_id = customer_id
        self.lines = lines
        self.payment_method = payment_method
        self.ship_to = ship_to
        self.status = Status.PLACED
        self.reason = ""

    @classmethod
    @override
    def _create(
        cls,
        event_class: type[CanInitAggregate[UUID]],
        *,
        id: UUID | None = None,
        **facts: Any,
    ) -> Self:
        # An order is guarded before its first event: later there would be one to take back.
        lines = merge(facts.pop("lines"))
        return super()._create(event_class, id=id, lines=lines, total=total_of(lines), **facts)

    def complete(self) -> None:
        """The order is paid and on its way."""
        self._must_be_placed()
        self._complete(placed_at=self.created_on, total=self.total)

    def cancel(self, reason: str) -> None:
        """The order ends; what was taken for it has been given back."""
        self._must_be_placed()
        self._cancel(reason=reason, placed_at=self.created_on, total=self.total)

    def _must_be_placed(self) -> None:
        if self.status is not Status.PLACED:
            raise OrderClosed(order_id=self.id, status=self.status)

    @event(Completed)
    def _complete(self, placed_at: datetime, total: Money) -> None:
        self.status = Status.COMPLETED

    @event(Cancelled)
    def _cancel(self, reason: str, placed_at: datetime, total: Money) -> None:
        self.status = Status.CANCELLED
        self.reason = reason


def merge(lines: Iterable[OrderLine]) -> tuple[OrderLine, ...]:
    """Makes one line of all lines of one SKU, in the order in which the SKUs are first named.

    Raises `EmptyOrder`, `TooManyLines`, `SkuAtTwoPrices` and `QuantityOutOfBounds`.
    """
    merged: dict[str, OrderLine] = {}
    for line in lines:
        first = merged.get(line.sku)
        merged[line.sku] = line if first is None else _sum_of(first, line)
    if not merged:
        raise EmptyOrder
    if len(merged) > MAX_LINES:
        raise TooManyLines(count=len(merged), limit=MAX_LINES)
    return tuple(merged.values())


def _sum_of(first: OrderLine, second: OrderLine) -> OrderLine:
    if first.unit_price != second.unit_price:
        raise SkuAtTwoPrices(sku=first.sku, first=first.unit_price, second=second.unit_price)
    quantity = first.quantity + second.quantity
    check_quantity(first.sku, quantity)
    return first.model_copy(update={"quantity": quantity})


def total_of(lines: Iterable[OrderLine]) -> Money:
    """What all lines cost together. Raises `CurrencyMismatch`, and `AmountOutOfBounds`."""
    return reduce(add, (line.total for line in lines))
