"""The order flow by choreography: the business of `sagas.order_fulfilment` without a saga.

Each context reacts to the events of its neighbours with its own commands, undos included. The
events carry what a context further along needs. No class here knows the whole flow.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from eventsourcing.utils import EnvType
from typing_extensions import override

from application import inventory, orders, payments, shipping
from application.commands import (
    BookShipment,
    CancelOrder,
    CompleteOrder,
    DispatchStock,
    RefundPayment,
    ReleaseStock,
    ReserveStock,
    SettlePayment,
    TakePayment,
)
from application.ports import Carrier, PaymentGateway
from application.settings import Settings
from domain.ids import id_beside
from domain.order import Order, Terms
from domain.payment import (
    Payment,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    RefundRefused,
)
from domain.payment import Status as PaymentStatus
from domain.reservation import (
    ReservedLine,
    StockDispatched,
    StockRefused,
    StockReleased,
    StockReserved,
)
from domain.shipment import ShipmentBooked, ShipmentRefused
from projections import READ_MODELS
from sagaline import Command, Retry, SetTimer, System, reacts_to
from sagaline.messaging.retry import in_words
from sagaline.system.saga_list import SagaList

STEP = "take_payment"
"""The step in reasons, so that the read tables say the same for both kinds of saga."""

CaptureCommand = TakePayment | SettlePayment


class Orders(orders.Orders):
    """Ends an order after the last of the other contexts has done, or undone, its part."""

    @reacts_to(StockDispatched)
    def complete_order(self, event: StockDispatched) -> CompleteOrder:
        """Dispatched stock is paid and its shipment is booked."""
        return CompleteOrder(order_id=event.order_id)

    @reacts_to(StockRefused)
    def cancel_at_once(self, event: StockRefused) -> CancelOrder:
        """Nothing has to be undone."""
        return CancelOrder(order_id=event.order_id, reason=event.reason)

    @reacts_to(StockReleased)
    def cancel_order(self, event: StockReleased) -> CancelOrder | None:
        """Releasing the stock is the last undo, unless the refund was given up."""
        if event.because is None:
            return None
        return CancelOrder(order_id=event.order_id, reason=event.because)

    @reacts_to(PaymentRefunded)
    def cancel_at_last(self, event: PaymentRefunded) -> CancelOrder | None:
        """A refund that was given up is the last undo: the stock was released before."""
        if event.closes is None:
            return None
        return CancelOrder(order_id=event.order_id, reason=event.closes)


class Inventory(inventory.Inventory):
    """Reserves stock for placed orders, dispatches it for booked ones, releases it for the rest."""

    @reacts_to(Order.Placed)
    def reserve_stock(self, event: Order.Placed) -> ReserveStock:
        """The terms are for Payments and Shipping: Inventory passes them on in its event."""
        lines = [ReservedLine(sku=line.sku, quantity=line.quantity) for line in event.lines]
        terms = Terms(total=event.total, payment_method=event.payment_method, ship_to=event.ship_to)
        return ReserveStock(order_id=event.originator_id, lines=tuple(lines), terms=terms)

    @reacts_to(PaymentDeclined)
    def release_unpaid(self, event: PaymentDeclined) -> ReleaseStock:
        """The payment was declined."""
        return ReleaseStock(order_id=event.order_id, because=event.reason)

    @reacts_to(PaymentVoided, PaymentRefunded)
    def release_stock(self, event: PaymentVoided | PaymentRefunded) -> ReleaseStock | None:
        """The payment is undone."""
        if event.because is None:
            return None
        return ReleaseStock(order_id=event.order_id, because=event.because)

    @reacts_to(RefundRefused)
    def release_without_refund(self, event: RefundRefused) -> ReleaseStock | None:
        """The refund was given up: release the stock without it; the order does not end yet."""
        return None if event.because is None else ReleaseStock(order_id=event.order_id)

    @reacts_to(ShipmentBooked)
    def dispatch_stock(self, event: ShipmentBooked) -> DispatchStock:
        """The shipment is booked."""
        return DispatchStock(order_id=event.order_id)


class Payments(payments.Payments):
    """Captures payments for reserved stock, and refunds them for refused shipments.

    No saga sets timeouts and retries for it, so it does so itself. Each payment has one timer, with
    the next command. After the timeout of the outcome, or too many faults of the gateway, that
    command is the undo, and no other timer is left that could capture the payment.
    """

    def __init__(self, env: EnvType | None = None, gateway: PaymentGateway | None = None) -> None:
        super().__init__(env, gateway)
        settings = Settings()
        self.retry = Retry(first=timedelta(seconds=settings.retry_base))
        self.within = timedelta(seconds=settings.payment_timeout)

    @reacts_to(StockReserved)
    def take_payment(self, event: StockReserved) -> TakePayment | None:
        """The stock is reserved: capture the payment."""
        if event.terms is None:
            return None
        return TakePayment(
            order_id=event.order_id,
            amount=event.terms.total,
            payment_method=event.terms.payment_method,
            ship_to=event.terms.ship_to,
        )

    @reacts_to(ShipmentRefused)
    def refund_payment(self, event: ShipmentRefused) -> RefundPayment:
        """The shipment was refused: refund the payment."""
        return RefundPayment(order_id=event.order_id, because=event.reason)

    @override
    def wait(self, command: CaptureCommand, until: datetime) -> None:
        """Sets the timer for the next request, or for the undo where the step times out before."""
        limited = self._limited(command)
        if limited.until is not None and until >= limited.until:
            self._time_out(limited)
        else:
            super().wait(limited, until)

    @override
    def faulted(self, command: Command, reason: str) -> Iterable[Any]:
        """Retries after a pause; after the last attempt undoes the payment."""
        pause = self.retry.pause(self.attempt)
        if isinstance(command, RefundPayment):
            return self._refund_faulted(command, pause, reason)
        assert isinstance(command, CaptureCommand)
        limited = self._limited(command)
        if pause is None:
            self._undo(limited, reason, timedelta(0))
        elif limited.until is not None and self.now() + pause >= limited.until:
            self._time_out(limited)
        else:
            self._again(limited, pause)
        return ()

    @override
    def refuse(self, command: RefundPayment, payment: Payment, reason: str) -> None:
        """Retries a declined refund; after the last attempt gives it up to a person."""
        pause = self.retry.pause(self.attempt)
        if pause is None or payment.given_up is not None:
            payment.refuse_refund(reason, because=payment.given_up or command.because)
        else:
            payment.refuse_refund(reason)
            self._again(command, pause)

    def _refund_faulted(
        self, command: RefundPayment, pause: timedelta | None, reason: str
    ) -> Iterable[Any]:
        if pause is not None:
            self._again(command, pause)
            return ()
        (payment,) = self.repository.find(Payment, [Payment.id_of(command.order_id)])
        if payment is None or payment.status is not PaymentStatus.CAPTURED:
            # The outcome of the payment is unknown, so a person has to retry the refund.
            return super().faulted(command, reason)
        payment.refuse_refund(reason, because=payment.given_up or command.because)
        return (payment,)

    def _limited(self, command: CaptureCommand) -> CaptureCommand:
        """The command with its time limit, which starts at the first delay."""
        if command.until is not None:
            return command
        return command.model_copy(update={"until": self.now() + self.within})

    def _time_out(self, command: CaptureCommand) -> None:
        assert command.until is not None
        reason = f"{STEP}: no answer within {in_words(self.within)}"
        self._undo(command, reason, command.until - self.now())

    def _undo(self, command: CaptureCommand, because: str, after: timedelta) -> None:
        """Sets the timer to undo the payment: the refund settles its outcome by key."""
        undo = RefundPayment(
            id=id_beside(Payment.id_of(command.order_id), f"{STEP}:undo"),
            order_id=command.order_id,
            amount=command.amount,
            because=because,
        )
        self.set_timer(SetTimer(payments.timer_of(command.order_id), after, undo))

    def _again(self, command: CaptureCommand | RefundPayment, pause: timedelta) -> None:
        self.try_again(command, pause, payments.timer_of(command.order_id))


class Shipping(shipping.Shipping):
    """Books shipments for captured payments."""

    def __init__(self, env: EnvType | None = None, carrier: Carrier | None = None) -> None:
        super().__init__(env, carrier)
        self.retry = Retry(first=timedelta(seconds=Settings().retry_base))

    @reacts_to(PaymentCaptured)
    def book_shipment(self, event: PaymentCaptured) -> BookShipment | None:
        """A capture that is refunded at once has no address."""
        if event.ship_to is None:
            return None
        return BookShipment(
            order_id=event.order_id, payment_id=event.originator_id, ship_to=event.ship_to
        )


system = System(
    "shop by choreography",
    applications=(Orders, Inventory, Payments, Shipping),
    read_models=(*READ_MODELS, SagaList),
)
