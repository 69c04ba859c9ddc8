"""Payments: captures and refunds money through a gateway."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from eventsourcing.utils import EnvType

from application import adapters
from application.commands import RefundPayment, SettlePayment, TakePayment
from application.ports import (
    Capture,
    CaptureAnswer,
    Captured,
    Declined,
    NeverTaken,
    NothingTaken,
    PaymentGateway,
    Pending,
    PortFault,
    Refund,
    RefundAnswer,
    RefundDeclined,
    Refunded,
    SettleAnswer,
)
from domain.errors import DomainError, PaymentNotCaptured
from domain.payment import Payment, Status
from sagaline import Application, SetTimer, handles

CaptureOutcome = Captured | Declined | Pending
RefundOutcome = tuple[
    Captured | Declined | NeverTaken | Pending, Refunded | RefundDeclined | NothingTaken
]


class RefundNotGivenUp(DomainError):
    """No refund of {order_id} was given up."""

    order_id: UUID


def _payment(command: TakePayment | SettlePayment | RefundPayment) -> list[UUID]:
    return [Payment.id_of(command.order_id)]


class Payments(Application, aggregates=[Payment]):
    """Captures the payment of an order at most once, and refunds it at most once.

    The payment's id is the gateway's idempotency key, so that one order is one payment, however
    often and in whatever order its commands come.
    """

    def __init__(self, env: EnvType | None = None, gateway: PaymentGateway | None = None) -> None:
        super().__init__(env)
        self.gateway: PaymentGateway = gateway or adapters.payment_gateway(
            self.datastore, lambda: self.now()
        )

    def close(self) -> None:
        """Closes the gateway too."""
        self.gateway.close()
        super().close()

    @handles(TakePayment, loads=_payment)
    def take(self, command: TakePayment, answer: CaptureOutcome) -> Payment | None:
        """Records the gateway's answer; while it is pending, sets a timer to request it again."""
        (payment,) = self.repository.find(Payment, _payment(command))
        if isinstance(answer, Pending):
            return self._wait(command, payment, answer)
        if payment is None:
            return _opened(command, answer)
        return _settled(command, payment, answer)

    @take.asks_all
    def ask_gateway(self, commands: Sequence[TakePayment]) -> Sequence[CaptureAnswer]:
        """Sends the gateway the captures of a batch."""
        return self.gateway.capture_all([_capture(each) for each in commands])

    @handles(SettlePayment, loads=_payment)
    def settle(self, command: SettlePayment, answer: CaptureOutcome) -> Payment | None:
        """Records the outcome of a pending payment."""
        payment: Payment = self.repository.get(Payment.id_of(command.order_id))
        if isinstance(answer, Pending):
            return self._wait(command, payment, answer)
        return _settled(command, payment, answer)

    @settle.asks_all
    def ask_gateway_again(self, commands: Sequence[SettlePayment]) -> Sequence[CaptureAnswer]:
        """Sends the gateway the same captures again."""
        return self.gateway.capture_all([_capture(each) for each in commands])

    @handles(RefundPayment, loads=_payment)
    def refund(self, command: RefundPayment, answer: RefundOutcome) -> Payment | None:
        """Records the refund, or that nothing was captured, or that the refund was declined.

        Records the outcome of the payment first, where it is not known yet.
        """
        self.cancel_timer(timer_of(command.order_id))
        (payment,) = self.repository.find(Payment, _payment(command))
        outcome, returned = answer
        if isinstance(returned, NothingTaken):
            return _voided(command, payment)
        payment = _captured(command, payment, outcome)
        if payment.status is Status.REFUNDED:
            return None
        if isinstance(returned, Refunded):
            payment.refund(command.because)
        else:
            self.refuse(command, payment, returned.reason)
        return payment

    @refund.asks_all
    def ask_for_refunds(
        self, commands: Sequence[RefundPayment]
    ) -> Sequence[RefundOutcome | PortFault]:
        """Settles the payments of a batch, and refunds those that were captured."""
        keys = [str(Payment.id_of(each.order_id)) for each in commands]
        outcomes = self.gateway.settle_all(keys)
        asked = [Refund(str(each.id), key) for each, key in zip(commands, keys, strict=True)]
        # Also where settling faulted, because a refund settles its capture itself.
        answers = self.gateway.refund_all(asked)
        return [_returned(*each) for each in zip(outcomes, answers, strict=True)]

    def refuse(self, command: RefundPayment, payment: Payment, reason: str) -> None:
        """Records a declined refund, which the sender of the command retries."""
        payment.refuse_refund(reason)

    def wait(self, command: TakePayment | SettlePayment, until: datetime) -> None:
        """Sets a timer to request the outcome again when it is due."""
        again = SettlePayment(
            order_id=command.order_id,
            amount=command.amount,
            payment_method=command.payment_method,
            ship_to=command.ship_to,
            until=command.until,
        )
        self.set_timer(SetTimer(timer_of(command.order_id), until - self.now(), again))

    def _wait(
        self, command: TakePayment | SettlePayment, payment: Payment | None, answer: Pending
    ) -> Payment | None:
        if payment is not None and payment.status is not Status.PENDING:
            return None
        self.wait(command, answer.until)
        return payment or Payment.await_answer(command.order_id, command.amount)


def refund_again(payments: Application, order_id: UUID) -> str | None:
    """Requests a refund that was given up; returns why it was refused again, or None.

    Raises RefundNotGivenUp.
    """
    (payment,) = payments.repository.find(Payment, [Payment.id_of(order_id)])
    if payment is None or payment.given_up is None or payment.status is not Status.CAPTURED:
        raise RefundNotGivenUp(order_id=order_id)
    try:
        payments.execute_one(RefundPayment(order_id=order_id))
    except PortFault as fault:
        return fault.reason
    payment = payments.repository.get(Payment.id_of(order_id))
    return None if payment.status is Status.REFUNDED else "the refund was refused again"


def timer_of(order_id: UUID) -> str:
    """The id of the one timer of an order's payment."""
    return f"settle:{order_id}"


def _capture(command: TakePayment | SettlePayment) -> Capture:
    key = str(Payment.id_of(command.order_id))
    return Capture(key, command.order_id, command.amount, command.payment_method)


def _opened(command: TakePayment, answer: Captured | Declined) -> Payment:
    if isinstance(answer, Captured):
        return Payment.capture(command.order_id, command.amount, answer.reference, command.ship_to)
    return Payment.decline(command.order_id, answer.reason)


def _settled(
    command: TakePayment | SettlePayment, payment: Payment, answer: Captured | Declined
) -> Payment | None:
    """Settles a pending payment; returns None for one whose outcome is known already."""
    if payment.status is not Status.PENDING:
        return None
    if isinstance(answer, Captured):
        payment.settle_captured(answer.reference, command.ship_to)
    else:
        payment.settle_declined(answer.reason)
    return payment


def _returned(outcome: SettleAnswer, answer: RefundAnswer) -> RefundOutcome | PortFault:
    if isinstance(outcome, PortFault):
        return outcome
    return answer if isinstance(answer, PortFault) else (outcome, answer)


def _voided(command: RefundPayment, payment: Payment | None) -> Payment | None:
    reason = "nothing was taken"
    if payment is None:
        return Payment.void(command.order_id, reason, command.because)
    if payment.status is Status.VOIDED:
        return None
    payment.settle_void(reason, command.because)
    return payment


def _captured(command: RefundPayment, payment: Payment | None, outcome: object) -> Payment:
    reference = outcome.reference if isinstance(outcome, Captured) else ""
    if payment is None and command.amount is not None:
        return Payment.capture(command.order_id, command.amount, reference)
    if payment is None:
        raise PaymentNotCaptured(order_id=command.order_id, status="unknown")
    if payment.status is Status.PENDING:
        payment.settle_captured(reference)
    return payment
