"""The payment of one order."""

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
    """The status of a payment."""

    PENDING = "pending"
    CAPTURED = "captured"
    DECLINED = "declined"
    REFUNDED = "refunded"
    VOIDED = "voided"


class Outcome(Aggregate.Created):
    """The outcome of a payment, at once or after it was pending.

    It creates the payment, or settles the pending one. One event class does both, because followers
    of the payment need not know how long the outcome took.
    """

    order_id: UUID

    @override
    def mutate(self, aggregate: Mutated | None) -> Mutated | None:
        """Creates the payment, or settles the pending one."""
        if aggregate is None:
            return super().mutate(None)
        return CanMutateAggregate.mutate(self, aggregate)


class Payment(Aggregate):
    """The payment of one order: captured at most once, and refunded at most once.

    Each order has one, with the id `Payment.id_of(order_id)`. Its events carry data for contexts
    that react to them: `ship_to` is the address of the next step, `because` is why the order is
    undone, and `closes` is why it ends where nothing else is left to undo. A saga knows all three,
    so its commands leave them empty. A capture that is refunded at once has no `ship_to`.
    """

    order_id: UUID
    amount: Money | None = field(init=False, default=None)
    reference: str = field(init=False, default="")
    given_up: str | None = field(init=False, default=None)
    """Why the order is undone, after the refund was given up and the other undos ran without it."""
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
        """The money was captured."""

        amount: Money
        reference: str
        ship_to: ShipTo | None = None

        @override
        def apply(self, payment: Payment) -> None:
            payment.amount = self.amount
            payment.reference = self.reference
            payment.status = Status.CAPTURED

    class Declined(Outcome):
        """The gateway declined the payment; no money was captured."""

        reason: str

        @override
        def apply(self, payment: Payment) -> None:
            payment.status = Status.DECLINED

    class Voided(Outcome):
        """The payment was undone, and no money had been captured."""

        reason: str
        because: str | None = None

        @override
        def apply(self, payment: Payment) -> None:
            payment.status = Status.VOIDED

    class Refunded(Aggregate.Event):
        """The whole amount was refunded."""

        order_id: UUID
        amount: Money
        because: str | None = None
        closes: str | None = None

    class RefundRefused(Aggregate.Event):
        """The gateway declined the refund; the payment stays captured.

        With `because` the refund is given up: it waits for a person, and the rest of the order is
        undone without it.
        """

        order_id: UUID
        reason: str
        because: str | None = None

    @staticmethod
    @override
    @lru_cache(REMEMBERED_IDS)
    def create_id(order_id: UUID) -> UUID:
        """The id of the payment of this order."""
        return id_beside(order_id, "payment")

    id_of = create_id

    @classmethod
    def await_answer(cls, order_id: UUID, amount: Money) -> Self:
        """Creates a payment whose outcome is not known yet."""
        return cls._create(cls.Pending, order_id=order_id, amount=amount)

    @classmethod
    def capture(
        cls, order_id: UUID, amount: Money, reference: str, ship_to: ShipTo | None = None
    ) -> Self:
        """Creates a captured payment; `reference` is the gateway's name for it."""
        return cls._create(
            cls.Captured,
            order_id=order_id,
            amount=amount,
            reference=reference,
            ship_to=ship_to,
        )

    @classmethod
    def decline(cls, order_id: UUID, reason: str) -> Self:
        """Creates a declined payment."""
        return cls._create(cls.Declined, order_id=order_id, reason=reason)

    @classmethod
    def void(cls, order_id: UUID, reason: str, because: str | None = None) -> Self:
        """Creates a void payment: nothing was captured, and nothing will be."""
        return cls._create(cls.Voided, order_id=order_id, reason=reason, because=because)

    @property
    def payment_id(self) -> UUID:
        """The id, under the name that a command uses."""
        return self.id

    def settle_captured(self, reference: str, ship_to: ShipTo | None = None) -> None:
        """Settles the payment as captured. Raises `PaymentNotPending`."""
        self._settle(Payment.Captured, amount=self.amount, reference=reference, ship_to=ship_to)

    def settle_declined(self, reason: str) -> None:
        """Settles the payment as declined. Raises `PaymentNotPending`."""
        self._settle(Payment.Declined, reason=reason)

    def settle_void(self, reason: str, because: str | None = None) -> None:
        """Settles a pending or declined payment as void. Raises `PaymentNotPending`.

        Declined too, because a saga undoes a step whose outcome it does not know, and an undo
        always has an answer.
        """
        open_in = (Status.PENDING, Status.DECLINED)
        self._settle(Payment.Voided, *open_in, reason=reason, because=because)

    def refund(self, because: str | None = None) -> None:
        """Records the refund of the whole amount. Raises `PaymentNotCaptured`.

        After a refund that was given up the rest is undone already, so this ends the order.
        """
        facts = {"because": because, "closes": self.given_up}
        self._refund(order_id=self.order_id, amount=self._captured(), **facts)

    def refuse_refund(self, reason: str, because: str | None = None) -> None:
        """Records that the refund was declined. Raises `PaymentNotCaptured`.

        The payment stays captured, so that the refund can be tried again; with `because` only by a
        person.
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
