"""A payment gateway to try the shop with, steered by the payment method as test cards are.

``pm_card_visa`` captures; ``pm_card_chargeDeclined`` and ``pm_card_insufficientFunds`` are
declined; ``pm_flaky_N`` faults N times, then captures; ``pm_timeout`` takes the money, and says so
only after twice the payment timeout; ``pm_refund_fails`` captures, and declines the refund until
`SimulatedGateway.allow_refunds`.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from typing_extensions import override

from application.ports import (
    Capture,
    CaptureAnswer,
    Captured,
    Declined,
    NeverTaken,
    NothingTaken,
    Pending,
    PortFault,
    Refund,
    RefundAnswer,
    RefundDeclined,
    Refunded,
    SettleAnswer,
)
from application.simulators.outside import Desk, Question
from application.simulators.outside_database import add
from domain.money import Money

CAPTURED: Final = frozenset({"pm_card_visa", "pm_timeout", "pm_refund_fails"})
DECLINED: Final = {
    "pm_card_chargeDeclined": "card declined",
    "pm_card_insufficientFunds": "insufficient funds",
}
FLAKY: Final = re.compile(r"pm_flaky_([0-9]{1,6})")

OPEN, TAKEN, REFUSED, NEVER = "open", "captured", "declined", "never taken"
"""What became of a capture: `OPEN` while it has only faulted."""

_metadata = MetaData()

payments = Table(
    "outside_payments",
    _metadata,
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
"""One row for each capture key; its money was given back where there is a refund key."""

permits = Table("outside_refund_permits", _metadata, Column("order_id", Text, primary_key=True))
"""The orders whose refund is granted after all."""

_READ = select(payments).where(payments.c.key.in_(bindparam("keys", expanding=True)))
_CHANGE = (
    update(payments)
    .where(payments.c.key == bindparam("of"))
    .values({column.name: bindparam(column.name) for column in payments.c if column.name != "key"})
)


class _Payment(NamedTuple):
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

    def attempted(self, late: datetime) -> "_Payment":
        """The payment after an attempt to capture it, which may be heard of only at `late`."""
        method, attempts = self.method or "", self.attempts + 1
        if method in CAPTURED:
            due_at = late.isoformat() if method == "pm_timeout" else None
            return self._replace(attempts=attempts, outcome=TAKEN, due_at=due_at)
        if flaky := FLAKY.fullmatch(method):
            outcome = TAKEN if attempts > int(flaky[1]) else OPEN
            return self._replace(attempts=attempts, outcome=outcome)
        reason = DECLINED.get(method, "unknown payment method")
        return self._replace(attempts=attempts, outcome=REFUSED, reason=reason)

    def settled(self) -> "_Payment":
        """The payment when nothing more may become of it."""
        return self._replace(outcome=NEVER if self.outcome == OPEN else self.outcome, due_at=None)

    def refunded(self, refund_key: str) -> "_Payment":
        """The payment after it was given back, which is once."""
        return self if self.refund_key else self._replace(refund_key=refund_key)

    def told(self) -> Captured | Declined | NeverTaken:
        """What became of the payment, in the port's words."""
        if self.outcome == TAKEN:
            return Captured(f"ch_{sha256(self.key.encode()).hexdigest()[:24]}")
        return NeverTaken() if self.outcome == NEVER else Declined(self.reason or "")

    def due(self, now: datetime) -> datetime | None:
        """When the outcome is told, if not now."""
        due_at = datetime.fromisoformat(self.due_at) if self.due_at else now
        return due_at if due_at > now else None

    @property
    def money(self) -> Money:
        """What was taken."""
        return Money(amount=Decimal(self.amount or 0), currency=self.currency or "")


@dataclass(frozen=True, slots=True)
class _Capture(Question[Captured | Declined | Pending]):
    key: str
    order_id: UUID
    amount: Money
    method: str

    def payment(self) -> _Payment:
        amount = f"{self.amount.amount:f}"
        return _Payment(self.key, str(self.order_id), amount, self.amount.currency, self.method)

    def is_of(self, payment: _Payment) -> bool:
        """Whether this key was first used for the same payment, or settled before it was used."""
        return payment.order_id is None or payment[:5] == self.payment()[:5]


@dataclass(frozen=True, slots=True)
class _Settle(Question[Captured | Declined | NeverTaken]):
    key: str


@dataclass(frozen=True, slots=True)
class _Refund(Question[Refunded | RefundDeclined | NothingTaken]):
    refund_key: str
    key: str


@dataclass(frozen=True, slots=True)
class _AllowRefunds(Question[bool]):
    order_id: UUID


_Question = _Capture | _Settle | _Refund | _AllowRefunds


class SimulatedGateway(Desk):
    """A `PaymentGateway` that keeps attempts, money and due answers in a store beside the shop's.

    `store_url` is the shop's store, `payment_timeout` is in seconds, and `clock` tells the time
    with its zone.
    """

    tables: ClassVar[Sequence[Table]] = (payments, permits)

    def __init__(
        self,
        store_url: str,
        payment_timeout: float,
        clock: Callable[[], datetime],
        schema: str | None = None,
    ) -> None:
        super().__init__(store_url, schema)
        self._late = timedelta(seconds=2 * payment_timeout)
        self._clock = clock

    def capture(
        self, key: str, order_id: UUID, amount: Money, method: str
    ) -> Captured | Declined | Pending:
        """Takes money, once for each key: see `PaymentGateway`."""
        return self.ask(_Capture(key, order_id, amount, method))

    def capture_all(self, captures: Sequence[Capture]) -> Sequence[CaptureAnswer]:
        """Takes money many times, in one transaction of its books: see `PaymentGateway`."""
        return self.ask_all([_Capture(*each) for each in captures])

    def settle(self, key: str) -> Captured | Declined | NeverTaken:
        """Says what became of a capture, and makes that its end: see `PaymentGateway`.

        Of ``pm_timeout`` it says the truth at once, and from then on `capture` says it too.
        """
        return self.ask(_Settle(key))

    def settle_all(self, keys: Sequence[str]) -> Sequence[SettleAnswer]:
        """Settles many captures, in one transaction of its books: see `PaymentGateway`."""
        return self.ask_all([_Settle(each) for each in keys])

    def refund(self, key: str, capture_key: str) -> Refunded | RefundDeclined | NothingTaken:
        """Gives back what a capture took, once: see `PaymentGateway`."""
        return self.ask(_Refund(key, capture_key))

    def refund_all(self, refunds: Sequence[Refund]) -> Sequence[RefundAnswer]:
        """Gives back money many times, in one transaction of its books: see `PaymentGateway`."""
        return self.ask_all([_Refund(*each) for each in refunds])

    def allow_refunds(self, order_id: UUID) -> bool:
        """Grants the refund of an order from now on; says whether it has a payment here."""
        return self.ask(_AllowRefunds(order_id))

    @override
    def answer(self, connection: Connection, questions: Sequence[_Question]) -> list[object]:
        now = self._clock()
        keys = [asked.key for asked in questions if not isinstance(asked, _AllowRefunds)]
        books = _Books(connection, keys)
        answers = [self._answer(books, asked, now) for asked in questions]
        books.write()
        return answers

    def _answer(self, books: "_Books", asked: _Question, now: datetime) -> object:
        match asked:
            case _Capture():
                return _capture(books, asked, now, now + self._late)
            case _Settle():
                return books.settle(asked.key).told()
            case _Refund():
                return _refund(books, asked)
            case _AllowRefunds():
                return books.permit(str(asked.order_id))


def _capture(
    books: "_Books", asked: _Capture, now: datetime, late: datetime
) -> Captured | Declined | Pending | PortFault:
    payment = books.find(asked.key)
    if payment is None:
        payment = asked.payment()
    elif not asked.is_of(payment):
        return PortFault("the key was used before, for another payment")
    if payment.outcome == OPEN:
        payment = books.keep(payment.attempted(late))
    if payment.outcome == OPEN:
        return PortFault(f"the gateway is out of order (attempt {payment.attempts})")
    if due := payment.due(now):
        return Pending(due)
    told = payment.told()
    return Declined("settled before it was taken") if isinstance(told, NeverTaken) else told


def _refund(books: "_Books", asked: _Refund) -> Refunded | RefundDeclined | NothingTaken:
    payment = books.settle(asked.key)
    if payment.outcome != TAKEN:
        return NothingTaken()
    if payment.method == "pm_refund_fails" and not books.permitted(payment.order_id):
        return RefundDeclined("refund refused")
    return Refunded(books.keep(payment.refunded(asked.refund_key)).money)


class _Books:
    """What one transaction reads and changes: read in one statement, and written in two."""

    def __init__(self, connection: Connection, keys: Collection[str]) -> None:
        self._connection = connection
        rows = connection.execute(_READ, {"keys": list(keys)}) if keys else ()
        self._stored = {row.key: _Payment(*row) for row in rows}
        self._payments = dict(self._stored)

    def find(self, key: str) -> _Payment | None:
        """The payment with this key, as it stands."""
        return self._payments.get(key)

    def settle(self, key: str) -> _Payment:
        """The payment with this key, of which nothing more may become."""
        return self.keep((self.find(key) or _Payment(key)).settled())

    def keep(self, payment: _Payment) -> _Payment:
        """Remembers the payment as it stands now."""
        self._payments[payment.key] = payment
        return payment

    def permitted(self, order_id: str | None) -> bool:
        """Whether the refund of this order was allowed."""
        query = select(permits).where(permits.c.order_id == order_id)
        return self._connection.execute(query).first() is not None

    def permit(self, order_id: str) -> bool:
        """Allows the refund of this order; says whether the order has a payment."""
        if not self.permitted(order_id):
            self._connection.execute(insert(permits), {"order_id": order_id})
        self.write()
        query = select(payments.c.key).where(payments.c.order_id == order_id)
        return self._connection.execute(query).first() is not None

    def write(self) -> None:
        """Writes the payments that are new or changed."""
        new: list[_Payment] = []
        changed: list[dict[str, Any]] = []
        for key, payment in self._payments.items():
            if key not in self._stored:
                new.append(payment)
            elif payment != self._stored[key]:
                changed.append({"of": key, **payment._asdict()})
        add(self._connection, payments, new)
        if changed:
            self._connection.execute(_CHANGE, changed)
        self._stored = dict(self._payments)
