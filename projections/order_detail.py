"""What is in an order, and what is its state?"""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from domain.order import Order
from projections.order_timeline import timeline
from projections.payment_ledger import payments
from projections.results import rows_of
from projections.tables import order_detail, order_list
from sagaline import ReadModel, project


class OrderDetail(ReadModel):
    """One row per order line. An order's lines do not change once it is placed."""

    table = order_detail
    cached_rows = 0

    @project(Order.Placed)
    def placed(self, event: Order.Placed) -> None:
        for line in event.lines:
            self.rows[event.originator_id, line.sku] = {
                "quantity": line.quantity,
                "unit_price": line.unit_price.amount,
                "line_total": line.total.amount,
                "currency": line.unit_price.currency,
            }


def lines(connection: Connection, order_id: UUID) -> list[dict[str, Any]]:
    """The lines of an order, by SKU."""
    table = order_detail.c
    query = select(order_detail).where(table.order_id == order_id).order_by(table.sku)
    return rows_of(connection, query)


def order(connection: Connection, order_id: UUID) -> dict[str, Any] | None:
    """One order with its lines, its timeline and its payments; None if there is none."""
    found = rows_of(connection, select(order_list).where(order_list.c.order_id == order_id))
    if not found:
        return None
    return found[0] | {
        "lines": lines(connection, order_id),
        "timeline": timeline(connection, order_id),
        "payments": payments(connection, order_id),
    }
