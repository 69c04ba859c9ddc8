"""How much of each SKU is in stock?"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from domain.stock import Stock
from projections.results import rows_of
from projections.tables import stock_level
from sagaline import Message, ReadModel, project

Moved = Stock.Reserved | Stock.Released | Stock.Dispatched


class StockLevel(ReadModel):
    """One row per SKU: on hand, reserved, and available, which is the difference."""

    table = stock_level

    def keys_of(self, event: Stock.Listed | Moved, message: Message) -> Iterable[str]:
        return (event.sku,)

    @project(Stock.Listed)
    def listed(self, event: Stock.Listed) -> None:
        self.rows[event.sku] = {}

    @project(Stock.Received)
    def received(self, event: Stock.Received) -> None:
        self._move(event.sku, on_hand=event.quantity)

    @project(Stock.Reserved)
    def reserved(self, event: Stock.Reserved) -> None:
        self._move(event.sku, reserved=event.quantity)

    @project(Stock.Released)
    def released(self, event: Stock.Released) -> None:
        self._move(event.sku, reserved=-event.quantity)

    @project(Stock.Dispatched)
    def dispatched(self, event: Stock.Dispatched) -> None:
        self._move(event.sku, on_hand=-event.quantity, reserved=-event.quantity)

    def _move(self, sku: str, on_hand: int = 0, reserved: int = 0) -> None:
        row = self.rows[sku]
        row["on_hand"] += on_hand
        row["reserved"] += reserved
        row["available"] = row["on_hand"] - row["reserved"]


def stock_levels(
    connection: Connection, *, sku: str | None = None, limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """The level of one SKU, or of all, sorted by SKU."""
    query = select(stock_level).order_by(stock_level.c.sku).limit(limit).offset(offset)
    return rows_of(connection, query if sku is None else query.where(stock_level.c.sku == sku))
