"""The saga's own stream: each of its events is a request to one of the participants."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate, event
from typing_extensions import override

from domain.money import Money
from domain.order import ShipTo
from domain.reservation import ReservedLine


class Fulfilment(Aggregate):
    """One order on its way to its end: what the saga has asked for so far.

    The answer that it hears is not recorded beside the next request, from which it follows: each
    hop of the saga writes one event, the least that there can be.
    """

    class StockWanted(Aggregate.Created):
        """Inventory is to set the lines aside."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]
        amount: Money
        payment_method: str
        ship_to: ShipTo

    class Wanted(Aggregate.Event):
        """Somebody is to do something for the order."""

        order_id: UUID

    class PaymentWanted(Wanted):
        """Payments is to take the money."""

        amount: Money
        payment_method: str

    class ShipmentWanted(Wanted):
        """Shipping is to book the parcel."""

        ship_to: ShipTo

    class DispatchWanted(Wanted):
        """Inventory is to send off what was set aside."""

    class CompletionWanted(Wanted):
        """Orders is to end the order well."""

    class Undone(Wanted):
        """Something is to be taken back."""

        reason: str

        @override
        def apply(self, fulfilment: Fulfilment) -> None:
            fulfilment.reason = self.reason

    class RefundWanted(Undone):
        """Payments is to give the money back."""

    class ReleaseWanted(Undone):
        """Inventory is to offer the lines again."""

    class CancellationWanted(Undone):
        """Orders is to end the order, of which nothing is left."""

    @event(StockWanted)
    def __init__(
        self,
        order_id: UUID,
        lines: tuple[ReservedLine, ...],
        amount: Money,
        payment_method: str,
        ship_to: ShipTo,
    ) -> None:
        self.order_id = order_id
        self.amount = amount
        self.payment_method = payment_method
        self.ship_to = ship_to
        self.reason = ""

    @staticmethod
    @override
    def create_id(order_id: UUID) -> UUID:
        """The id of the stream for this order."""
        return uuid5(order_id, "fulfilment")

    def want(self, request: type[Wanted], **facts: Any) -> None:
        """Asks a participant for something."""
        self.trigger_event(request, order_id=self.order_id, **facts)
