"""The commands of the shop's four applications.

`terms`, `ship_to` and `because` go into the events of a command, for contexts that react to them. A
saga knows the whole order, so it leaves them empty.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from typing_extensions import override

from domain.goods import Quantity, Sku
from domain.ids import id_beside
from domain.money import Money
from domain.order import OrderLine, ShipTo, Terms
from domain.reservation import ReservedLine
from sagaline import Command

PLACING: Final = "place"
"""The name in the ids of `PlaceOrder`; with another name every order could be placed again."""


class PlaceOrder(Command, key="order_id"):
    """Places an order.

    Unless the command's id is given, it is derived from the order id, so that an order id sent
    twice is one order.
    """

    order_id: UUID
    customer_id: str
    lines: tuple[OrderLine, ...]
    payment_method: str
    ship_to: ShipTo

    @override
    def model_post_init(self, context: Any) -> None:
        """Derives the command's id where none is given."""
        if "id" not in self.model_fields_set:
            self.__dict__["id"] = id_beside(self.order_id, PLACING)


class CompleteOrder(Command, key="order_id"):
    """Completes an order that is paid and shipped."""

    order_id: UUID


class CancelOrder(Command, key="order_id"):
    """Cancels an order whose steps have been undone."""

    order_id: UUID
    reason: str


class ReceiveStock(Command):
    """Adds a quantity of one SKU to the stock."""

    sku: Sku
    quantity: Quantity


class ReserveStock(Command, key="order_id"):
    """Reserves all lines of an order, or none."""

    order_id: UUID
    lines: tuple[ReservedLine, ...]
    terms: Terms | None = None


class ReleaseStock(Command, key="order_id"):
    """Releases the reservation of an order."""

    order_id: UUID
    because: str | None = None


class DispatchStock(Command, key="order_id"):
    """Dispatches the reserved stock of an order."""

    order_id: UUID


class TakePayment(Command, key="order_id"):
    """Captures the payment of an order."""

    order_id: UUID
    amount: Money
    payment_method: str
    ship_to: ShipTo | None = None
    until: datetime | None = None
    """When Payments undoes a payment without an outcome, where no saga does."""


class RefundPayment(Command, key="order_id"):
    """Refunds the payment of an order, if it was captured.

    `amount` is that of `TakePayment`, in case that its outcome is not recorded yet.
    """

    order_id: UUID
    amount: Money | None = None
    because: str | None = None


class SettlePayment(Command, key="order_id"):
    """Requests a pending outcome from the gateway again; a timer of Payments issues it."""

    order_id: UUID
    amount: Money
    payment_method: str
    ship_to: ShipTo | None = None
    until: datetime | None = None


class BookShipment(Command, key="order_id"):
    """Books the shipment of an order."""

    order_id: UUID
    payment_id: UUID
    ship_to: ShipTo
