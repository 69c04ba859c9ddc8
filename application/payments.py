"""Payments: takes money and gives it back, through a gateway."""

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

Taken = Captured | Declined | Pending
Returned = tuple[
    Captured | Declined | NeverTaken | Pending, Refunded | RefundDeclined | NothingTaken
]


class RefundNotGivenUp(DomainError):
    """No refund of {order_id} was given up."""

    order_id: UUID


def _payment(command: TakePayment | SettlePayment | RefundPayment) -> list[UUID]:
    return [Payment.id_of(command.order_id)]


class Payments(Application, aggregates=[Payment]):
    """Takes the money for an order at most once, and gives it back at most once.

    The payment's id is the gateway's idempotency key: one order is one payment, however often,
    and in whatever order, it is asked for.
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
    def take(self, command: TakePayment, answer: Taken) -> Payment | None:
        """Records what the gateway said; where it says nothing yet, asks again later."""
        (payment,) = self.repository.find(Payment, _payment(command))
        if isinstance(answer, Pending):
            return self._wait(command, payment, answer)
        if payment is None:
            return _opened(command, answer)
        return _settled(command, payment, answer)

    @take.asks_all
    def ask_gateway(self, commands: Sequence[TakePayment]) -> Sequence[CaptureAnswer]:
        """Asks the gateway for the money of many orders at once."""
        return self.gateway.capture_all([_capture(each) for each in commands])

    @handles(SettlePayment, loads=_payment)
    def settle(self, command: SettlePayment, answer: Taken) -> Payment | None:
        """Records the answer that the gateway owed."""
        payment: Payment = self.repository.get(Payment.id_of(command.order_id))
        if isinstance(answer, Pending):
            return self._wait(command, payment, answer)
        return _settled(command, payment, answer)

    @settle.asks_all
    def ask_gateway_again(self, commands: Sequence[SettlePayment]) -> Sequence[CaptureAnswer]:
        """Sends the gateway the same captures as before."""
        return self.gateway.capture_all([_capture(each) for each in commands])

    @handles(RefundPayment, loads=_payment)
    def refund(self, command: RefundPayment, answer: Returned) -> Payment | None:
        """Records that the money is back, or that none was ever taken, or that it is stuck.

        What became of the payment may not be known yet: then it is recorded with the refund.
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
    def ask_for_the_money_back(
        self, commands: Sequence[RefundPayment]
    ) -> Sequence[Returned | PortFault]:
        """Settles what became of the payments, and refunds them where money was taken."""
        keys = [str(Payment.id_of(each.order_id)) for each in commands]
        outcomes = self.gateway.settle_all(keys)
        asked = [Refund(str(each.id), key) for each, key in zip(commands, keys, strict=True)]
        # Whether or not it was settled: to refund settles what it must.
        answers = self.gateway.refund_all(asked)
        return [_returned(*each) for each in zip(outcomes, answers, strict=True)]

    def refuse(self, command: RefundPayment, payment: Payment, reason: str) -> None:
        """Records that the money is stuck; whoever asked for it tries again."""
        payment.refuse_refund(reason)

    def wait(self, command: TakePayment | SettlePayment, until: datetime) -> None:
        """Asks the gateway again when its answer is due."""
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
    """The one timer of an order's payment: whatever Payments does next about it by itself."""
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
    """What was pending is known now; what was known already stays as it is."""
    if payment.status is not Status.PENDING:
        return None
    if isinstance(answer, Captured):
        payment.settle_captured(answer.reference, command.ship_to)
    else:
        payment.settle_declined(answer.reason)
    return payment


def _returned(outcome: SettleAnswer, answer: RefundAnswer) -> Returned | PortFault:
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
