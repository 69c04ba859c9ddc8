"""The order flow, orchestrated: reserve, pay, ship; or back to where it started."""

from uuid import UUID

from application.commands import (
    BookShipment,
    CancelOrder,
    CompleteOrder,
    DispatchStock,
    RefundPayment,
    ReleaseStock,
    ReserveStock,
    TakePayment,
)
from domain.order import Order
from domain.payment import (
    Payment,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    RefundRefused,
)
from domain.reservation import (
    ReservedLine,
    StockDispatched,
    StockRefused,
    StockReleased,
    StockReserved,
)
from domain.shipment import ShipmentBooked, ShipmentRefused
from sagaline import PIVOT, RETRIABLE, Retry, Saga, locks, minutes, on_compensated, step


def order_id(event: Order.Placed) -> UUID:
    """The key of the business transaction: the order that was placed."""
    return event.originator_id


class OrderFulfilment(Saga, starts_on=Order.Placed, key=order_id):
    """One order, from placed to shipped, or back to where it started."""

    @locks
    def one_at_a_time(self) -> tuple[str]:
        """A customer's next order waits until this one has ended, where a shop wants that."""
        return (f"customer:{self[Order.Placed].customer_id}",)

    @step(done=StockReserved, refused=StockRefused, within=minutes(5))
    def reserve_stock(self) -> ReserveStock:
        """All lines of the order are set aside, or none."""
        lines = tuple(
            ReservedLine(sku=line.sku, quantity=line.quantity) for line in self[Order.Placed].lines
        )
        return ReserveStock(order_id=self.key, lines=lines)

    @reserve_stock.undo(done=StockReleased)
    def release_stock(self) -> ReleaseStock:
        """What was set aside is for sale again."""
        return ReleaseStock(order_id=self.key)

    @step(done=PaymentCaptured, refused=PaymentDeclined, within=minutes(15), retry=Retry(3))
    def take_payment(self) -> TakePayment:
        """The customer pays."""
        placed = self[Order.Placed]
        return TakePayment(
            order_id=self.key, amount=placed.total, payment_method=placed.payment_method
        )

    @take_payment.undo(done=(PaymentRefunded, PaymentVoided), refused=RefundRefused)
    def refund_payment(self) -> RefundPayment:
        """The customer has the money back, if any was taken."""
        return RefundPayment(order_id=self.key, amount=self[Order.Placed].total)

    @step(done=ShipmentBooked, refused=ShipmentRefused, kind=PIVOT)
    def book_shipment(self) -> BookShipment:
        """The carrier takes the parcel: from here on there is no way back."""
        return BookShipment(
            order_id=self.key,
            payment_id=Payment.id_of(self.key),
            ship_to=self[Order.Placed].ship_to,
        )

    @step(done=StockDispatched, kind=RETRIABLE)
    def dispatch_stock(self) -> DispatchStock:
        """The pieces leave the shelves."""
        return DispatchStock(order_id=self.key)

    @step(done=Order.Completed, kind=RETRIABLE)
    def complete_order(self) -> CompleteOrder:
        """The order is done."""
        return CompleteOrder(order_id=self.key)

    @on_compensated
    def cancel_order(self) -> CancelOrder:
        """Nothing is left of the order but its history."""
        return CancelOrder(order_id=self.key, reason=self.reason)
