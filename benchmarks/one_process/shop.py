"""The shop and its runner in this process."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, func, select

from application.commands import PlaceOrder, ReceiveStock
from application.inventory import Inventory
from application.orders import Orders
from application.system import system
from domain.money import Money
from domain.order import OrderLine, ShipTo
from projections.tables import order_list
from sagaline import Runner

BATCH = 500
"""Commands in one transaction."""

LIMIT = 600.0
"""Seconds after which something must be wrong."""


class Shop:
    """The shop on one store, with its runner."""

    def __init__(self, runner: Runner, store: str) -> None:
        self._runner = runner
        self._store = store

    @classmethod
    @contextmanager
    def open(cls, store: str) -> Iterator["Shop"]:
        """While the runner runs."""
        with Runner(system, {"SQLALCHEMY_URL": store}) as runner:
            yield cls(runner, store)

    def receive(self, stock: Path) -> None:
        """Takes the pieces of a file into stock, and waits until all followers have read it."""
        lines = map(json.loads, stock.read_text().splitlines())
        received = [ReceiveStock(sku=each["sku"], quantity=each["quantity"]) for each in lines]
        for batch in _batches(received):
            self._runner.get(Inventory).execute(batch)
        self._runner.settle(LIMIT)

    def finish(self, orders: Sequence[PlaceOrder]) -> None:
        """Places orders; returns when all have ended and all read tables are up to date."""
        for batch in _batches(orders):
            self._runner.get(Orders).execute(batch)
        self._runner.settle(LIMIT)

    def events(self) -> int:
        """How many events there are in all logs."""
        return sum(app.recorder.max_notification_id() or 0 for app in self._runner.apps.values())

    def ends(self) -> dict[str, int]:
        """How many orders stand how, as the read table has it."""
        query = select(order_list.c.status, func.count()).group_by(order_list.c.status)
        engine = create_engine(self._store)
        with engine.connect() as connection:
            found = Counter(dict(connection.execute(query).tuples().all()))
        engine.dispose()
        return found


def placing(line: str) -> PlaceOrder:
    """The command of one line of orders."""
    order = json.loads(line)
    return PlaceOrder(
        order_id=UUID(order["order_id"]),
        customer_id=order["customer_id"],
        lines=tuple(_line(each, order["currency"]) for each in order["lines"]),
        payment_method=order["payment_method"],
        ship_to=ShipTo(**order["ship_to"]),
    )


def _line(line: dict[str, Any], currency: str) -> OrderLine:
    price = Money(amount=Decimal(line["unit_price"]), currency=currency)
    return OrderLine(sku=line["sku"], quantity=line["quantity"], unit_price=price)


def _batches(commands: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (commands[start : start + BATCH] for start in range(0, len(commands), BATCH))
