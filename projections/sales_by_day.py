"""How much was sold on each day?"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, select

from domain.order import Order
from projections.results import rows_of
from projections.tables import sales_by_day
from sagaline import Message, ReadModel, Row, project

Ended = Order.Completed | Order.Cancelled


class SalesByDay(ReadModel):
    """One row per day (UTC) and currency: the orders placed on that day, by their state now.

    Revenue is that of completed orders, because a placed order may still be cancelled.
    """

    table = sales_by_day

    def keys_of(self, event: Order.Placed | Ended, message: Message) -> Iterable[tuple[date, str]]:
        placed_at = event.timestamp if isinstance(event, Order.Placed) else event.placed_at
        return ((_day(placed_at), event.total.currency),)

    @project(Order.Placed)
    def placed(self, event: Order.Placed) -> None:
        self._row(event.timestamp, event.total.currency)["orders_placed"] += 1

    @project(Order.Completed)
    def completed(self, event: Order.Completed) -> None:
        row = self._row(event.placed_at, event.total.currency)
        row["orders_completed"] += 1
        row["revenue"] += event.total.amount

    @project(Order.Cancelled)
    def cancelled(self, event: Order.Cancelled) -> None:
        self._row(event.placed_at, event.total.currency)["orders_cancelled"] += 1

    def _row(self, placed_at: datetime, currency: str) -> Row:
        return self.rows.setdefault((_day(placed_at), currency))


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def sales(
    connection: Connection, *, first: date | None = None, last: date | None = None
) -> list[dict[str, Any]]:
    """The sales of each day from `first` to `last`, both included, oldest first."""
    table = sales_by_day.c
    query = select(sales_by_day).order_by(table.day, table.currency)
    if first is not None:
        query = query.where(table.day >= first)
    if last is not None:
        query = query.where(table.day <= last)
    return rows_of(connection, query)
