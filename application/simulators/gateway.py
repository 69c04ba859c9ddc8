"""A simulated payment gateway; the payment method says how it answers, as test cards do.

``pm_card_visa`` captures. ``pm_card_chargeDeclined`` and ``pm_card_insufficientFunds`` are
declined. ``pm_flaky_N`` faults N times, then captures. ``pm_timeout`` captures, and answers only
after twice the payment timeout. ``pm_refund_fails`` captures, and declines the refund until
`SimulatedGateway.allow_refunds`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, insert, select

from application.ports import (
    Capture,
    CaptureAnswer,
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
from application.simulators.capture_record import (
    OPEN,
    TAKEN,
    CaptureRecord,
    metadata,
    payments,
    permits,
)
from application.simulators.outside import OutsideStore, add

_READ = select(payments).where(payments.c.key.in_(bindparam("keys", expanding=True)))


class SimulatedGateway:
    """A `PaymentGateway` that keeps captures and refunds in the outside store.

    `store_url` and `schema` are those of the shop's store, `payment_timeout` is in seconds, and
    `clock` returns the time with its zone.
    """

    def __init__(
        self,
        store_url: str,
        payment_timeout: float,
        clock: Callable[[], datetime],
        schema: str | None = None,
    ) -> None:
        self._store = OutsideStore(metadata, store_url, schema)
        self._delay = timedelta(seconds=2 * payment_timeout)
        self._clock = clock

    def capture_all(self, captures: Sequence[Capture]) -> list[CaptureAnswer]:
        """Captures payments, in one transaction: see `PaymentGateway`."""
        now = self._clock()
        with self._books([each.key for each in captures]) as books:
            return [_capture(books, each, now, now + self._delay) for each in captures]

    def settle_all(self, keys: Sequence[str]) -> list[SettleAnswer]:
        """Settles captures, in one transaction: see `PaymentGateway`.

        A delayed answer (``pm_timeout``) is given at once, here and from then on.
        """
        with self._books(keys) as books:
            return [books.settle(each).answer() for each in keys]

    def refund_all(self, refunds: Sequence[Refund]) -> list[RefundAnswer]:
        """Refunds captures, in one transaction: see `PaymentGateway`."""
        with self._books([each.capture_key for each in refunds]) as books:
            return [_refund(books, each) for each in refunds]

    def allow_refunds(self, order_id: UUID) -> bool:
        """Grants the refund of an order from now on; returns whether it has a payment here."""
        with self._store.transaction() as connection:
            if not _is_permitted(connection, str(order_id)):
                connection.execute(insert(permits), {"order_id": str(order_id)})
            query = select(payments.c.key).where(payments.c.order_id == str(order_id))
            return connection.execute(query).first() is not None

    def close(self) -> None:
        """Closes the store."""
        self._store.close()

    @contextmanager
    def _books(self, keys: Sequence[str]) -> Iterator["_Books"]:
        with self._store.transaction() as connection:
            books = _Books(connection, keys)
            yield books
            books.write()


class _Books:
    """The payments that one transaction reads and changes: one SELECT, and one bulk write."""

    def __init__(self, connection: Connection, keys: Sequence[str]) -> None:
        self.connection = connection
        rows = connection.execute(_READ, {"keys": keys})
        self._stored = {row.key: CaptureRecord(*row) for row in rows}
        self._payments = dict(self._stored)

    def find(self, key: str) -> CaptureRecord | None:
        """The payment with this key, as it stands."""
        return self._payments.get(key)

    def settle(self, key: str) -> CaptureRecord:
        """The payment with this key, whose outcome is final from now on."""
        return self.keep((self.find(key) or CaptureRecord(key)).settled())

    def keep(self, payment: CaptureRecord) -> CaptureRecord:
        """Remembers the payment as it stands now."""
        self._payments[payment.key] = payment
        return payment

    def write(self) -> None:
        """Writes the payments that are new or changed."""
        changed = [p for key, p in self._payments.items() if p != self._stored.get(key)]
        stale = [each.key for each in changed if each.key in self._stored]
        if stale:
            self.connection.execute(delete(payments).where(payments.c.key.in_(stale)))
        add(self.connection, payments, changed)


def _capture(books: _Books, asked: Capture, now: datetime, late: datetime) -> CaptureAnswer:
    payment = books.find(asked.key) or CaptureRecord.of(asked)
    if not payment.is_of(asked):
        return PortFault("the key was used before, for another payment")
    if payment.outcome == OPEN:
        payment = books.keep(payment.attempted(late))
    if payment.outcome == OPEN:
        return PortFault(f"the gateway is out of order (attempt {payment.attempts})")
    if due := payment.due(now):
        return Pending(due)
    answer = payment.answer()
    return Declined("settled before it was taken") if isinstance(answer, NeverTaken) else answer


def _refund(books: _Books, asked: Refund) -> RefundAnswer:
    payment = books.settle(asked.capture_key)
    if payment.outcome != TAKEN:
        return NothingTaken()
    fails = payment.method == "pm_refund_fails"
    if fails and not _is_permitted(books.connection, payment.order_id):
        return RefundDeclined("refund refused")
    return Refunded(books.keep(payment.refunded(asked.key)).money)


def _is_permitted(connection: Connection, order_id: str | None) -> bool:
    query = select(permits).where(permits.c.order_id == order_id)
    return connection.execute(query).first() is not None
