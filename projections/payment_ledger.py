"""Which money was captured, and which was refunded?"""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from domain.payment import PaymentCaptured, PaymentRefunded
from projections.results import rows_of
from projections.tables import payment_ledger
from sagaline import Message, ReadModel, project

CAPTURED = "captured"
REFUNDED = "refunded"


class PaymentLedger(ReadModel):
    """One row per movement of money.

    The key of a row has the event's position in the log, not the kind of movement: if money ever
    moved twice for one order, the ledger has to show it.
    """

    table = payment_ledger
    cached_rows = 0

    @project(PaymentCaptured)
    def captured(self, event: PaymentCaptured, message: Message) -> None:
        self._move(CAPTURED, event, message)

    @project(PaymentRefunded)
    def refunded(self, event: PaymentRefunded, message: Message) -> None:
        self._move(REFUNDED, event, message)

    def _move(self, kind: str, event: PaymentCaptured | PaymentRefunded, message: Message) -> None:
        self.rows[event.order_id, message.id] = {
            "kind": kind,
            "amount": event.amount.amount,
            "currency": event.amount.currency,
            "happened_at": event.timestamp,
        }


def payments(connection: Connection, order_id: UUID) -> list[dict[str, Any]]:
    """The movements of an order's money, in the order of the log."""
    table = payment_ledger.c
    query = select(payment_ledger).where(table.order_id == order_id).order_by(table.id)
    return rows_of(connection, query)
