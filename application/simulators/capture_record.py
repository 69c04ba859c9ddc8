"""What the simulated gateway records of each payment, and how the payment method decides it."""

import re
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Final, NamedTuple, Self

from sqlalchemy import Column, Integer, MetaData, Table, Text

from application.ports import Capture, Captured, Declined, NeverTaken
from domain.money import Money

CAPTURED: Final = frozenset({"pm_card_visa", "pm_timeout", "pm_refund_fails"})
DECLINED: Final = {
    "pm_card_chargeDeclined": "card declined",
    "pm_card_insufficientFunds": "insufficient funds",
}
FLAKY: Final = re.compile(r"pm_flaky_([0-9]{1,6})")
METHODS: Final = re.compile("|".join([*sorted(CAPTURED), *DECLINED, FLAKY.pattern]))
"""The payment methods that the gateway knows; it declines all others."""

OPEN, TAKEN, REFUSED, NEVER = "open", "captured", "declined", "never taken"
"""Outcomes of a capture: `OPEN` while it has only faulted."""

metadata = MetaData()

payments = Table(
    "outside_payments",
    metadata,
    Column("key", Text, primary_key=True),
    Column("order_id", Text),
    Column("amount", Text),
    Column("currency", Text),
    Column("method", Text),
    Column("attempts", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("due_at", Text),
    Column("refund_key", Text),
)
"""One row for each capture key; it was refunded where there is a refund key."""

permits = Table("outside_refund_permits", metadata, Column("order_id", Text, primary_key=True))
"""The orders whose refund is granted, although the payment method declines it."""


class CaptureRecord(NamedTuple):
    """What the gateway knows of one capture key: a row of `payments`."""

    key: str
    order_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    method: str | None = None
    attempts: int = 0
    outcome: str = OPEN
    reason: str | None = None
    due_at: str | None = None
    refund_key: str | None = None

    @classmethod
    def of(cls, asked: Capture) -> Self:
        """The record of a key that has not been used before."""
        amount = f"{asked.amount.amount:f}"
        return cls(asked.key, str(asked.order_id), amount, asked.amount.currency, asked.method)

    def is_of(self, asked: Capture) -> bool:
        """Whether the key was first used for this payment, or settled before it was used."""
        return self.order_id is None or self[:5] == CaptureRecord.of(asked)[:5]

    def attempted(self, late: datetime) -> Self:
        """The record after an attempt to capture; a delayed answer is due at `late`."""
        method, attempts = self.method or "", self.attempts + 1
        if method in CAPTURED:
            due_at = late.isoformat() if method == "pm_timeout" else None
            return self._replace(attempts=attempts, outcome=TAKEN, due_at=due_at)
        if flaky := FLAKY.fullmatch(method):
            outcome = TAKEN if attempts > int(flaky[1]) else OPEN
            return self._replace(attempts=attempts, outcome=outcome)
        reason = DECLINED.get(method, "unknown payment method")
        return self._replace(attempts=attempts, outcome=REFUSED, reason=reason)

    def settled(self) -> Self:
        """The record with a final outcome."""
        return self._replace(outcome=NEVER if self.outcome == OPEN else self.outcome, due_at=None)

    def refunded(self, refund_key: str) -> Self:
        """The record after its refund, which happens once."""
        return self if self.refund_key else self._replace(refund_key=refund_key)

    def answer(self) -> Captured | Declined | NeverTaken:
        """The outcome, as the port returns it."""
        if self.outcome == TAKEN:
            return Captured(f"ch_{sha256(self.key.encode()).hexdigest()[:24]}")
        return NeverTaken() if self.outcome == NEVER else Declined(self.reason or "")

    def due(self, now: datetime) -> datetime | None:
        """When a delayed answer is due; None for now."""
        due_at = datetime.fromisoformat(self.due_at) if self.due_at else now
        return due_at if due_at > now else None

    @property
    def money(self) -> Money:
        """The amount that was captured."""
        return Money(amount=Decimal(self.amount or 0), currency=self.currency or "")
