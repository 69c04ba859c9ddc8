"""Which orders are there, and what is the status of each?"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select

from domain.order import Order
from domain.payment import RefundRefused
from projections.results import rows_of
from projections.tables import order_list
from sagaline import Journal, Message, ReadModel, Row, project
from sagaline.saga.state import Action
from sagaline.storage.sql.columns import uuid_of_text

PLACED = "placed"
COMPLETED = "completed"
CANCELLED = "cancelled"
ATTENTION = "attention"


class OrderList(ReadModel):
    """One row per order, newest first.

    It follows the orders, and what may need a person: sagas, and refunds that were given up. Events
    of different logs come in any order. So the end of an order, which is in one log only, overrides
    the status `attention`.
    """

    table = order_list

    @project(Order.Placed)
    def placed(self, event: Order.Placed) -> None:
        row = {
            "customer_id": event.customer_id,
            "status": PLACED,
            "total": event.total.amount,
            "currency": event.total.currency,
            "item_count": sum(line.quantity for line in event.lines),
            "placed_at": event.timestamp,
            "updated_at": event.timestamp,
        }
        heard: Row | None = self.rows.get(event.originator_id)
        if heard is not None:
            row["status"] = heard["status"]
            row["reason"] = heard["reason"]
            row["updated_at"] = max(event.timestamp, heard["updated_at"])
        self.rows[event.originator_id] = row

    @project(Order.Completed)
    def completed(self, event: Order.Completed) -> None:
        self._close(event.originator_id, COMPLETED, None, event.timestamp)

    @project(Order.Cancelled)
    def cancelled(self, event: Order.Cancelled) -> None:
        self._close(event.originator_id, CANCELLED, event.reason, event.timestamp)

    @project(Journal.Parked)
    def parked(self, event: Journal.Parked, message: Message) -> None:
        order_id = uuid_of_text(message.key or "")
        self._hold(order_id, f"{event.step}: {event.reason}", event.timestamp)

    @project(Journal.Intervened)
    def abandoned(self, event: Journal.Intervened, message: Message) -> None:
        if event.action is Action.ABANDON:
            order_id = uuid_of_text(message.key or "")
            self._hold(order_id, f"abandoned by {event.by}: {event.reason}", event.timestamp)

    @project(RefundRefused)
    def refund_refused(self, event: RefundRefused) -> None:
        if event.because is not None:
            self._hold(event.order_id, f"take_payment: {event.reason}", event.timestamp)

    def _hold(self, order_id: UUID, reason: str, at: datetime) -> None:
        waiting = {"status": ATTENTION, "reason": reason}
        row = self.rows.setdefault(order_id, {**waiting, "updated_at": at})
        if row["status"] in (PLACED, ATTENTION):
            row.update(waiting)
        _touch(row, at)

    @project(Journal.Resumed)
    def resumed(self, event: Journal.Resumed, message: Message) -> None:
        waiting = {"status": PLACED, "reason": None, "updated_at": event.timestamp}
        row = self.rows.setdefault(uuid_of_text(message.key or ""), waiting)
        if row["status"] == ATTENTION:
            row["status"] = PLACED
            row["reason"] = None
        _touch(row, event.timestamp)

    def _close(self, order_id: UUID, status: str, reason: str | None, at: datetime) -> None:
        row = self.rows[order_id]
        row["status"] = status
        row["reason"] = reason
        _touch(row, at)


def _touch(row: Row, at: datetime) -> None:
    row["updated_at"] = max(at, row["updated_at"])


def orders(
    connection: Connection,
    *,
    status: str | None = None,
    customer: str | None = None,
    limit: int | None = 50,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The orders of this status and this customer, newest first."""
    return rows_of(connection, _chosen(status, customer).limit(limit).offset(offset))


def _chosen(status: str | None, customer: str | None) -> Select[Any]:
    table = order_list.c
    query = select(order_list).where(table.placed_at.is_not(None))
    if status is not None:
        query = query.where(table.status == status)
    if customer is not None:
        query = query.where(table.customer_id == customer)
    return query.order_by(table.placed_at.desc(), table.order_id.desc())
