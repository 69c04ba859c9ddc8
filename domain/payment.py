"""The money of one order."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self, TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate, BaseAggregate, CanMutateAggregate, event
from typing_extensions import override

from domain.errors import PaymentNotCaptured, PaymentNotPending
from domain.ids import id_beside
from domain.money import Money
from domain.names import REMEMBERED_IDS
from domain.order import ShipTo

Mutated = TypeVar("Mutated", bound=BaseAggregate[Any])


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    CAPTURED = "captured"
    DECLINED = "declined"
    REFUNDED = "refunded"
    VOIDED = "voided"


class Outcome(Aggregate.Created):
    """What became of a payment: said at once, or after it was pending for a while.

    One event class for both, because those who follow the payment do not care how long it took.
    """

    order_id: UUID

    @override
    def mutate(self, aggregate: Mutated | None) -> Mutated | None:
        """Opens the payment, or settles the one that is open."""
        if aggregate is None:
            return super().mutate(None)
        return CanMutateAggregate.mutate(self, aggregate)


class Payment(Aggregate):
    """The money of one order: taken at most once, and given back at most once.

    One for each order, found by `Payment.id_of(order_id)`. `ship_to`, `because` and `closes` are
    what its events pass on to those who react to them: where the order goes now, why it is undone,
    and why it ends where nothing else is left to undo. Where a saga leads, it knows, and they are
    empty; money that goes back at once has nowhere to go on to either.
    """

    order_id: UUID
    amount: Money | None = field(init=False, default=None)
    reference: str = field(init=False, default="")
    given_up: str | None = field(init=False, default=None)
    """Why the order is undone, where everybody else has been told to go on without the refund."""
    status: Status = field(init=False)

    class Pending(Aggregate.Created):
        """The outcome is not known yet."""

        order_id: UUID
        amount: Money

        @override
        def apply(self, payment: Payment) -> None:
            payment.amount = self.amount
            payment.status = Status.PENDING

    class Captured(Outcome):
        """The money was taken."""

        amount: Money
        reference: str
        ship_to: ShipTo | None = None

        @override
        def apply(self, payment: Payment) -> None:
            payment.amount = self.amount
            payment.reference = self.reference
            payment.status = Status.CAPTURED

    class Declined(Outcome):
        """The money was not taken: the payer's side refused."""

        reason: str

        @override
        def apply(self, payment: Payment) -> None:
            payment.status = Status.DECLINED

    class Voided(Outcome):
        """The payment was undone, and nothing had ever been taken."""

        reason: str
        because: str | None = None

        @override
        def apply(self, payment: Payment) -> None:
            payment.status = Status.VOIDED

    class Refunded(Aggregate.Event):
        """The money was given back."""

        order_id: UUID
        amount: Money
        because: str | None = None
        closes: str | None = None

    class RefundRefused(Aggregate.Event):
        """The money could not be given back: it is still here.

        With `because` it is left to a person, and the rest of the order is undone without it.
        """

        order_id: UUID
        reason: str
        because: str | None = None

    @staticmethod
    @override
    @lru_cache(REMEMBERED_IDS)
    def create_id(order_id: UUID) -> UUID:
        """The id of the payment for this order."""
        return id_beside(order_id, "payment")

    id_of = create_id

    @classmethod
    def await_answer(cls, order_id: UUID, amount: Money) -> Self:
        """The outcome is not known yet."""
        return cls._create(cls.Pending, order_id=order_id, amount=amount)

    @classmethod
    def capture(
        cls, order_id: UUID, amount: Money, reference: str, ship_to: ShipTo | None = None
    ) -> Self:
        """The money was taken; `reference` is what the gateway calls it."""
        return cls._create(
            cls.Captured,
            order_id=order_id,
            amount=amount,
            reference=reference,
            ship_to=ship_to,
        )

    @classmethod
    def decline(cls, order_id: UUID, reason: str) -> Self:
        """The money was not taken."""
        return cls._create(cls.Declined, order_id=order_id, reason=reason)

    @classmethod
    def void(cls, order_id: UUID, reason: str, because: str | None = None) -> Self:
        """Nothing was ever taken, and nothing will be."""
        return cls._create(cls.Voided, order_id=order_id, reason=reason, because=because)

    @property
    def payment_id(self) -> UUID:
        """How others name this payment."""
        return self.id

    def settle_captured(self, reference: str, ship_to: ShipTo | None = None) -> None:
        """The answer came: the money was taken. Raises `PaymentNotPending`."""
        self._settle(Payment.Captured, amount=self.amount, reference=reference, ship_to=ship_to)

    def settle_declined(self, reason: str) -> None:
        """The answer came: the money was not taken. Raises `PaymentNotPending`."""
        self._settle(Payment.Declined, reason=reason)

    def settle_void(self, reason: str, because: str | None = None) -> None:
        """Nothing was taken, and nothing will be. Raises `PaymentNotPending`.

        Also after a refusal, because a saga that had stopped waiting for it undoes the step, and
        an undo always has an answer.
        """
        open_in = (Status.PENDING, Status.DECLINED)
        self._settle(Payment.Voided, *open_in, reason=reason, because=because)

    def refund(self, because: str | None = None) -> None:
        """Gives all of it back. Raises `PaymentNotCaptured`.

        Where it was given up before, the rest is undone already, and this ends the order.
        """
        facts = {"because": because, "closes": self.given_up}
        self._refund(order_id=self.order_id, amount=self._captured(), **facts)

    def refuse_refund(self, reason: str, because: str | None = None) -> None:
        """The money cannot be given back now. Raises `PaymentNotCaptured`.

        The payment stays captured, so that a refund can be tried again. With `because` nobody will
        but a person.
        """
        self._captured()
        self._refuse_refund(order_id=self.order_id, reason=reason, because=because)

    def _settle(self, outcome: type[Outcome], *open_in: Status, **facts: Any) -> None:
        if self.status not in (open_in or (Status.PENDING,)):
            raise PaymentNotPending(order_id=self.order_id, status=self.status)
        topic = f"{type(self).__module__}:{type(self).__qualname__}"
        self.trigger_event(outcome, originator_topic=topic, order_id=self.order_id, **facts)

    def _captured(self) -> Money:
        if self.status is not Status.CAPTURED or self.amount is None:
            raise PaymentNotCaptured(order_id=self.order_id, status=self.status)
        return self.amount

    @event(Refunded)
    def _refund(
        self, order_id: UUID, amount: Money, because: str | None, closes: str | None
    ) -> None:
        self.status = Status.REFUNDED

    @event(RefundRefused)
    def _refuse_refund(self, order_id: UUID, reason: str, because: str | None) -> None:
        self.given_up = self.given_up or because


PaymentPending = Payment.Pending
PaymentCaptured = Payment.Captured
PaymentDeclined = Payment.Declined
PaymentVoided = Payment.Voided
PaymentRefunded = Payment.Refunded
RefundRefused = Payment.RefundRefused
