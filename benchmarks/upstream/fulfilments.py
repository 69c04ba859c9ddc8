"""The saga as the library has it: a process application between the participants."""

from eventsourcing.dispatch import singledispatchmethod
from typing_extensions import override

from benchmarks.upstream.fulfilment import Fulfilment
from benchmarks.upstream.participant import Happened, Participant, Processing
from domain.order import Order
from domain.payment import Payment
from domain.reservation import Reservation, ReservedLine
from domain.shipment import Shipment

Answer = (
    Reservation.Made
    | Reservation.Refused
    | Reservation.Released
    | Reservation.Dispatched
    | Payment.Captured
    | Payment.Declined
    | Payment.Refunded
    | Shipment.Booked
    | Shipment.Refused
)


class Fulfilments(Participant):
    """Leads every order forward to its end, or back to where it started."""

    hears = (
        Order.Placed,
        Reservation.Made,
        Reservation.Refused,
        Reservation.Released,
        Reservation.Dispatched,
        Payment.Captured,
        Payment.Declined,
        Payment.Refunded,
        Shipment.Booked,
        Shipment.Refused,
    )

    @override
    @singledispatchmethod
    def policy(self, domain_event: Happened, processing_event: Processing) -> None:
        """Asks for the next step, or for the undoing of the last one."""

    @policy.register
    def _(self, event: Order.Placed, processing_event: Processing) -> None:
        started = Fulfilment(
            order_id=event.originator_id,
            lines=tuple(ReservedLine(sku=each.sku, quantity=each.quantity) for each in event.lines),
            amount=event.total,
            payment_method=event.payment_method,
            ship_to=event.ship_to,
        )
        processing_event.collect_events(started)

    @policy.register
    def _(self, event: Reservation.Made, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(
            Fulfilment.PaymentWanted, amount=order.amount, payment_method=order.payment_method
        )
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Payment.Captured, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.ShipmentWanted, ship_to=order.ship_to)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Shipment.Booked, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.DispatchWanted)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Reservation.Dispatched, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.CompletionWanted)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Shipment.Refused, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.RefundWanted, reason=event.reason)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Payment.Refunded, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.ReleaseWanted, reason=order.reason)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Payment.Declined, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.ReleaseWanted, reason=event.reason)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Reservation.Released, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.CancellationWanted, reason=order.reason)
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Reservation.Refused, processing_event: Processing) -> None:
        order = self._order(event)
        order.want(Fulfilment.CancellationWanted, reason=event.reason)
        processing_event.collect_events(order)

    def _order(self, event: Answer) -> Fulfilment:
        order: Fulfilment = self.repository.get(Fulfilment.create_id(event.order_id))
        return order
