"""The order flow by orchestration: reserve, pay and ship, or undo what was done."""

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
    """The key of the business transaction: the order id."""
    return event.originator_id


class OrderFulfilment(Saga, starts_on=Order.Placed, key=order_id):
    """Leads one order from placed to shipped, or undoes what was done."""

    @locks
    def one_at_a_time(self) -> tuple[str]:
        """A customer's next order waits until this one has ended, if the shop is set so."""
        return (f"customer:{self[Order.Placed].customer_id}",)

    @step(done=StockReserved, refused=StockRefused, within=minutes(5))
    def reserve_stock(self) -> ReserveStock:
        """Reserve all lines of the order, or none."""
        lines = tuple(
            ReservedLine(sku=line.sku, quantity=line.quantity) for line in self[Order.Placed].lines
        )
        return ReserveStock(order_id=self.key, lines=lines)

    @reserve_stock.undo(done=StockReleased)
    def release_stock(self) -> ReleaseStock:
        """Release the reserved stock."""
        return ReleaseStock(order_id=self.key)

    @step(done=PaymentCaptured, refused=PaymentDeclined, within=minutes(15), retry=Retry(3))
    def take_payment(self) -> TakePayment:
        """Capture the payment."""
        placed = self[Order.Placed]
        return TakePayment(
            order_id=self.key, amount=placed.total, payment_method=placed.payment_method
        )

    @take_payment.undo(done=(PaymentRefunded, PaymentVoided), refused=RefundRefused)
    def refund_payment(self) -> RefundPayment:
        """Refund the payment, if it was captured."""
        return RefundPayment(order_id=self.key, amount=self[Order.Placed].total)

    @step(done=ShipmentBooked, refused=ShipmentRefused, kind=PIVOT)
    def book_shipment(self) -> BookShipment:
        """Book the shipment: nothing is undone after this step."""
        return BookShipment(
            order_id=self.key,
            payment_id=Payment.id_of(self.key),
            ship_to=self[Order.Placed].ship_to,
        )

    @step(done=StockDispatched, kind=RETRIABLE)
    def dispatch_stock(self) -> DispatchStock:
        """Dispatch the reserved stock."""
        return DispatchStock(order_id=self.key)

    @step(done=Order.Completed, kind=RETRIABLE)
    def complete_order(self) -> CompleteOrder:
        """Complete the order."""
        return CompleteOrder(order_id=self.key)

    @on_compensated
    def cancel_order(self) -> CancelOrder:
        """Cancel the order after its steps have been undone."""
        return CancelOrder(order_id=self.key, reason=self.reason)
