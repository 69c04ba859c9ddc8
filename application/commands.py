"""What the shop can be asked to do: the commands of its four applications.

`terms`, `ship_to` and `because` are for the events that follow from a command, which pass them on
to those who react; a saga leaves them empty, since it knows the whole order.
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
"""From which ids of `PlaceOrder` follow; changing it would let every order be placed again."""


class PlaceOrder(Command, key="order_id"):
    """Places an order.

    The command's id follows from the order id unless it is given, so that an order id sent twice
    is one order.
    """

    order_id: UUID
    customer_id: str
    lines: tuple[OrderLine, ...]
    payment_method: str
    ship_to: ShipTo

    @override
    def model_post_init(self, context: Any) -> None:
        """Derives the command's id where none was given."""
        if "id" not in self.model_fields_set:
            self.__dict__["id"] = id_beside(self.order_id, PLACING)


class CompleteOrder(Command, key="order_id"):
    """Ends an order well: it is paid and on its way."""

    order_id: UUID


class CancelOrder(Command, key="order_id"):
    """Ends an order whose steps have been undone."""

    order_id: UUID
    reason: str


class ReceiveStock(Command):
    """Takes pieces of one article into stock."""

    sku: Sku
    quantity: Quantity


class ReserveStock(Command, key="order_id"):
    """Sets pieces aside for an order: all of them, or none."""

    order_id: UUID
    lines: tuple[ReservedLine, ...]
    terms: Terms | None = None


class ReleaseStock(Command, key="order_id"):
    """Gives back what is set aside for an order."""

    order_id: UUID
    because: str | None = None


class DispatchStock(Command, key="order_id"):
    """Sends off what is set aside for an order."""

    order_id: UUID


class TakePayment(Command, key="order_id"):
    """Takes the money for an order; the command's id is the gateway's idempotency key."""

    order_id: UUID
    amount: Money
    payment_method: str
    ship_to: ShipTo | None = None
    until: datetime | None = None
    """When Payments stops to wait for the outcome, where nobody else does."""


class RefundPayment(Command, key="order_id"):
    """Gives back the money of an order, if any was taken.

    `amount` is what was asked for, in case that Payments has heard nothing of it yet.
    """

    order_id: UUID
    amount: Money | None = None
    because: str | None = None


class SettlePayment(Command, key="order_id"):
    """Asks the gateway again for an answer that it still owes: Payments tells itself."""

    order_id: UUID
    amount: Money
    payment_method: str
    ship_to: ShipTo | None = None
    until: datetime | None = None


class BookShipment(Command, key="order_id"):
    """Hands an order to the carrier."""

    order_id: UUID
    payment_id: UUID
    ship_to: ShipTo
