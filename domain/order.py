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
"""Lines of one order; one event carries all of them."""


class OrderLine(BaseModel):
    """A quantity of one SKU at one price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Sku
    quantity: Quantity
    unit_price: Money

    @property
    def total(self) -> Money:
        """The price of the line."""
        return self.unit_price * self.quantity


class ShipTo(BaseModel):
    """The address of an order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    postcode: Annotated[str, StringConstraints(max_length=16)]


class Terms(BaseModel):
    """The payment and the address of an order, for those who act after its stock is reserved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    total: Money
    payment_method: str
    ship_to: ShipTo


class Status(StrEnum):
    """The status of an order."""

    PLACED = "placed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Order(Aggregate):
    """A customer's order: placed once, then completed or cancelled once.

    The events that end an order repeat its time of placing and its total, so that a report of sales
    needs no other event.
    """

    total: Money

    class Placed(Aggregate.Created):
        """A customer placed an order."""

        customer_id: str
        lines: tuple[OrderLine, ...]
        total: Money
        payment_method: str
        ship_to: ShipTo

        @override
        def apply(self, order: Order) -> None:
            order.total = self.total

    class Completed(Aggregate.Event):
        """The order is paid and shipped."""

        placed_at: datetime
        total: Money

    class Cancelled(Aggregate.Event):
        """The order ended without effect: its steps have been undone."""

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
        # Checked before the first event, which could not be taken back.
        lines = merge(facts.pop("lines"))
        return super()._create(event_class, id=id, lines=lines, total=total_of(lines), **facts)

    def complete(self) -> None:
        """Records that the order is paid and shipped. Raises `OrderClosed`."""
        self._must_be_placed()
        self._complete(placed_at=self.created_on, total=self.total)

    def cancel(self, reason: str) -> None:
        """Records that the order's steps have been undone. Raises `OrderClosed`."""
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
    """Merges the lines of each SKU into one, in the order in which the SKUs first appear.

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
    """The sum of all lines. Raises `CurrencyMismatch`, and `AmountOutOfBounds`."""
    return reduce(add, (line.total for line in lines))
