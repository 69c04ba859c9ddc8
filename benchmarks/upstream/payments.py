"""Payments: takes money and gives it back."""

from hashlib import sha256

from eventsourcing.dispatch import singledispatchmethod
from typing_extensions import override

from application.simulators.capture_record import DECLINED
from benchmarks.upstream.fulfilment import Fulfilment
from benchmarks.upstream.participant import Happened, Participant, Processing
from domain.payment import Payment


class Payments(Participant):
    """Takes the money for an order. The cards answer at once and from memory."""

    hears = (Fulfilment.PaymentWanted, Fulfilment.RefundWanted)

    @override
    @singledispatchmethod
    def policy(self, domain_event: Happened, processing_event: Processing) -> None:
        """Takes it, or gives it back."""

    @policy.register
    def _(self, event: Fulfilment.PaymentWanted, processing_event: Processing) -> None:
        refused = DECLINED.get(event.payment_method)
        if refused is not None:
            payment = Payment.decline(event.order_id, refused)
        else:
            reference = f"ch_{sha256(event.order_id.bytes).hexdigest()[:24]}"
            payment = Payment.capture(event.order_id, event.amount, reference)
        processing_event.collect_events(payment)

    @policy.register
    def _(self, event: Fulfilment.RefundWanted, processing_event: Processing) -> None:
        payment: Payment = self.repository.get(Payment.id_of(event.order_id))
        payment.refund()
        processing_event.collect_events(payment)
