"""The order flow by choreography: the same business as `sagas.order_fulfilment`, led by nobody.

Each context hears what its neighbours say and does its own part, undoing included. What a context
needs from further away is carried to it by the events between. No class here knows the whole flow.
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
"""How reasons name the step, so that an order page reads the same by either kind of saga."""

Asked = TakePayment | SettlePayment


class Orders(orders.Orders):
    """Ends an order when the last of the others has done, or undone, its part."""

    @reacts_to(StockDispatched)
    def complete_order(self, event: StockDispatched) -> CompleteOrder:
        """What has left the shelves is paid and booked."""
        return CompleteOrder(order_id=event.order_id)

    @reacts_to(StockRefused)
    def cancel_at_once(self, event: StockRefused) -> CancelOrder:
        """Nothing had been done yet."""
        return CancelOrder(order_id=event.order_id, reason=event.reason)

    @reacts_to(StockReleased)
    def cancel_order(self, event: StockReleased) -> CancelOrder | None:
        """The stock is given back last, unless the money is stuck."""
        if event.because is None:
            return None
        return CancelOrder(order_id=event.order_id, reason=event.because)

    @reacts_to(PaymentRefunded)
    def cancel_at_last(self, event: PaymentRefunded) -> CancelOrder | None:
        """The money had been stuck, and the stock was given back without it."""
        if event.closes is None:
            return None
        return CancelOrder(order_id=event.order_id, reason=event.closes)


class Inventory(inventory.Inventory):
    """Reserves for an order that was placed; sends off what is booked, and takes back the rest."""

    @reacts_to(Order.Placed)
    def reserve_stock(self, event: Order.Placed) -> ReserveStock:
        """The terms are not for Inventory: it passes them on to whoever comes next."""
        lines = [ReservedLine(sku=line.sku, quantity=line.quantity) for line in event.lines]
        terms = Terms(total=event.total, payment_method=event.payment_method, ship_to=event.ship_to)
        return ReserveStock(order_id=event.originator_id, lines=tuple(lines), terms=terms)

    @reacts_to(PaymentDeclined)
    def release_unpaid(self, event: PaymentDeclined) -> ReleaseStock:
        """Nobody pays."""
        return ReleaseStock(order_id=event.order_id, because=event.reason)

    @reacts_to(PaymentVoided, PaymentRefunded)
    def release_stock(self, event: PaymentVoided | PaymentRefunded) -> ReleaseStock | None:
        """There is no money any more."""
        if event.because is None:
            return None
        return ReleaseStock(order_id=event.order_id, because=event.because)

    @reacts_to(RefundRefused)
    def release_without_refund(self, event: RefundRefused) -> ReleaseStock | None:
        """The money is stuck: the goods need not wait for it, but the order does not end yet."""
        return None if event.because is None else ReleaseStock(order_id=event.order_id)

    @reacts_to(ShipmentBooked)
    def dispatch_stock(self, event: ShipmentBooked) -> DispatchStock:
        """The parcel leaves."""
        return DispatchStock(order_id=event.order_id)


class Payments(payments.Payments):
    """Takes the money for what is reserved, and gives it back for what cannot be shipped.

    Nobody waits for it with a clock in hand, so it sees to its own timeouts and retries. It has one
    timer for each payment, which holds what is to be done next. When the time for the outcome is
    up, or the gateway has failed too often, that is the undo; and as no other timer is left,
    nothing can take the payment forward any more.
    """

    def __init__(self, env: EnvType | None = None, gateway: PaymentGateway | None = None) -> None:
        super().__init__(env, gateway)
        settings = Settings()
        self.retry = Retry(first=timedelta(seconds=settings.retry_base))
        self.within = timedelta(seconds=settings.payment_timeout)

    @reacts_to(StockReserved)
    def take_payment(self, event: StockReserved) -> TakePayment | None:
        """The goods are there: the customer pays."""
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
        """The goods cannot be sent: the customer has the money back."""
        return RefundPayment(order_id=event.order_id, because=event.reason)

    @override
    def wait(self, command: Asked, until: datetime) -> None:
        """Waits for the gateway's answer, but no longer than the step may take."""
        limited = self._limited(command)
        if limited.until is not None and until >= limited.until:
            self._time_out(limited)
        else:
            super().wait(limited, until)

    @override
    def faulted(self, command: Command, reason: str) -> Iterable[Any]:
        """Tries again; when that is over, settles by key what became of the payment."""
        pause = self.retry.pause(self.attempt)
        if isinstance(command, RefundPayment):
            return self._refund_faulted(command, pause, reason)
        assert isinstance(command, Asked)
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
        """Asks for the money a few times more; then it is for a person to see to."""
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
            # Nobody can say whether there is money to give back: a person has to ask.
            return super().faulted(command, reason)
        payment.refuse_refund(reason, because=payment.given_up or command.because)
        return (payment,)

    def _limited(self, command: Asked) -> Asked:
        """The command with the end of its time, which begins with the first delay."""
        if command.until is not None:
            return command
        return command.model_copy(update={"until": self.now() + self.within})

    def _time_out(self, command: Asked) -> None:
        assert command.until is not None
        reason = f"{STEP}: no answer within {in_words(self.within)}"
        self._undo(command, reason, command.until - self.now())

    def _undo(self, command: Asked, because: str, after: timedelta) -> None:
        """Takes the payment back when its time is up: then its outcome is settled by key."""
        undo = RefundPayment(
            id=id_beside(Payment.id_of(command.order_id), f"{STEP}:undo"),
            order_id=command.order_id,
            amount=command.amount,
            because=because,
        )
        self.set_timer(SetTimer(payments.timer_of(command.order_id), after, undo))

    def _again(self, command: Asked | RefundPayment, pause: timedelta) -> None:
        self.try_again(command, pause, payments.timer_of(command.order_id))


class Shipping(shipping.Shipping):
    """Books a parcel for what is paid."""

    def __init__(self, env: EnvType | None = None, carrier: Carrier | None = None) -> None:
        super().__init__(env, carrier)
        self.retry = Retry(first=timedelta(seconds=Settings().retry_base))

    @reacts_to(PaymentCaptured)
    def book_shipment(self, event: PaymentCaptured) -> BookShipment | None:
        """Money that goes back at once comes without an address."""
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
