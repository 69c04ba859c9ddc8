"""What the shop can be asked to do: the commands of its four applications."""

from typing import Any, Final
from uuid import UUID, uuid5

from typing_extensions import override

from domain.goods import Quantity, Sku
from domain.money import Money
from domain.order import OrderLine, ShipTo
from domain.reservation import ReservedLine
from sagaline import Command

PLACING: Final = UUID("93e52301-491a-5234-90aa-920a934b61d1")
"""The namespace of the ids of `PlaceOrder`; changing it would let every order be placed again."""


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
            self.__dict__["id"] = uuid5(PLACING, str(self.order_id))


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


class ReleaseStock(Command, key="order_id"):
    """Gives back what is set aside for an order."""

    order_id: UUID


class DispatchStock(Command, key="order_id"):
    """Sends off what is set aside for an order."""

    order_id: UUID


class TakePayment(Command, key="order_id"):
    """Takes the money for an order; the command's id is the gateway's idempotency key."""

    order_id: UUID
    amount: Money
    payment_method: str


class RefundPayment(Command, key="order_id"):
    """Gives back the money of an order, if any was taken."""

    order_id: UUID
    amount: Money


class SettlePayment(Command, key="order_id"):
    """Asks the gateway again for an answer that it still owes: Payments tells itself."""

    order_id: UUID
    amount: Money
    payment_method: str


class BookShipment(Command, key="order_id"):
    """Hands an order to the carrier."""

    order_id: UUID
    payment_id: UUID
    ship_to: ShipTo
