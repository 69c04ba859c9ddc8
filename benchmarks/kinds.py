"""What the order flow costs by orchestration and by choreography, on SQLite.

Each kind runs in one process. The value of each figure is orchestration's, the baseline is
choreography; `benchmarks.table` writes them into docs/two-kinds-of-saga.md.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple
from unittest.mock import patch
from uuid import UUID

from application.commands import PlaceOrder, ReceiveStock
from application.inventory import Inventory
from application.orders import Orders
from application.system import system as orchestrated
from benchmarks.figure import Baseline, Figure
from benchmarks.laboratory import Laboratory
from benchmarks.pairs import say
from benchmarks.sample import Sample
from domain.money import Money
from domain.order import OrderLine, ShipTo
from sagaline import Command, Runner, System, timeline
from sagaline.application.processor import ApplicationProcessor
from sagaline.read_model.projector import Projector
from sagas.choreography import system as choreographed

CHOREOGRAPHY = "choreography"
KINDS = {"orchestration": orchestrated, CHOREOGRAPHY: choreographed}
FACTS = {
    "orders_per_second": "orders/s",
    "events_an_order": "events",
    "transactions_of_contexts_and_saga": "transactions",
    "transactions_of_read_models": "transactions",
    "one_order_alone": "ms",
}
"""Fields of `Many`, and their units."""

SKUS = [f"SKU-{number}" for number in range(1_000)]
BATCH = 500
LIMIT = 300.0
"""Seconds that one measurement may take before it says that something is wrong."""


class Alone(NamedTuple):
    """What one order costs that has the shop for itself."""

    events: int
    hops: int
    transactions: int
    """Of the contexts, and of the saga where there is one; placing is the first."""


class Shop:
    """A shop of one kind, with full shelves, on a new store."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.transactions = 0
        stock: list[Command] = [ReceiveStock(sku=sku, quantity=100_000) for sku in SKUS]
        execute(runner.get(Inventory).execute, stock)
        runner.settle(LIMIT)

    def count(self) -> None:
        """Takes note of a transaction."""
        self.transactions += 1

    def finish(self, orders: Sequence[Command]) -> float:
        """Places orders and waits until all is done; returns the seconds."""
        started = time.perf_counter()
        execute(self.runner.get(Orders).execute, orders)
        self.runner.settle(LIMIT)
        return time.perf_counter() - started

    def complete(self, order: Command) -> float:
        """Places an order when there is nothing else to do; returns the seconds to its end."""
        orders = self.runner.get(Orders)
        self.runner.settle(LIMIT)
        deadline = time.perf_counter() + LIMIT
        ended = orders.recorder.head() + 2
        started = time.perf_counter()
        orders.execute([order])
        while orders.recorder.head() < ended and time.perf_counter() < deadline:
            time.sleep(0.0005)
        return time.perf_counter() - started

    def events(self) -> int:
        """How many events there are in all logs."""
        return sum(each.recorder.head() for each in self.runner.apps.values())


def execute(execute: Callable[[Sequence[Command]], object], commands: Sequence[Command]) -> None:
    """Gives commands, some hundreds in one transaction."""
    for start in range(0, len(commands), BATCH):
        execute(commands[start : start + BATCH])


@contextmanager
def open_shop(system: System) -> Iterator[Shop]:
    """Opens a shop of this kind in a folder that goes away with it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'shop.db'}"
        with Runner(system, {"SQLALCHEMY_URL": url}) as runner:
            yield Shop(runner)


def order(number: int, random: Random, method: str = "", country: str = "") -> PlaceOrder:
    """An order of three lines; of a hundred, ten cannot be paid, and five not delivered."""
    price = Money(amount=Decimal("9.99"), currency="USD")
    declined, undeliverable = random.random() < 0.1, random.random() < 0.05
    return PlaceOrder(
        order_id=UUID(int=number),
        customer_id="900",
        lines=tuple(
            OrderLine(sku=each, quantity=1, unit_price=price) for each in random.sample(SKUS, 3)
        ),
        payment_method=method or ("pm_card_chargeDeclined" if declined else "pm_card_visa"),
        ship_to=ShipTo(country=country or ("ZZ" if undeliverable else "US"), postcode="45202"),
    )


def alone(system: System, country: str) -> Alone:
    """One order that has a shop for itself; to the country ZZ nothing can be sent."""
    placed = order(1, Random(1), "pm_card_visa", country)
    with open_shop(system) as shop, counting(ApplicationProcessor, shop.count):
        before = shop.events()
        shop.finish([placed])
        told = timeline(shop.runner.apps, str(placed.order_id))
        hops = max(each.hop for each in told)
        return Alone(shop.events() - before, hops, shop.transactions + 1)


@contextmanager
def counting(part: type, note: Callable[[], None]) -> Iterator[None]:
    """Calls `note` for each transaction in which such a part handled events."""
    committed = part.after_commit  # type: ignore[attr-defined]

    def noted(self: object) -> None:
        committed(self)
        note()

    with patch.object(part, "after_commit", noted):
        yield


class Many(NamedTuple):
    """What many orders cost that come at once, and one that comes when there is nothing to do."""

    orders_per_second: float
    events_an_order: float
    transactions_of_contexts_and_saga: float
    transactions_of_read_models: float
    one_order_alone: float


def many(system: System, count: int, alone: int) -> Many:
    """Orders in bulk, then some of them one by one."""
    orders = [order(number, Random(number)) for number in range(count)]
    singles = [order(count + number, Random(1), "pm_card_visa", "US") for number in range(alone)]
    folds: list[None] = []
    with (
        open_shop(system) as shop,
        counting(ApplicationProcessor, shop.count),
        counting(Projector, lambda: folds.append(None)),
    ):
        before = shop.events()
        seconds = shop.finish(orders)
        events = shop.events() - before
        transactions, rows = shop.transactions, len(folds)
        idle = median(map(shop.complete, singles))
    return Many(count / seconds, events / count, transactions, rows, 1000 * idle)


def row(label: str, values: Iterable[object]) -> str:
    """A line of the table."""
    return f"| {label} | {' | '.join(map(str, values))} |"


def two_kinds(laboratory: Laboratory) -> Iterator[Figure]:
    """Orchestration against choreography, in turns."""
    sizes = laboratory.sizes
    runs: dict[str, list[Many]] = {name: [] for name in KINDS}
    for number in range(1, sizes.rounds + 1):
        for name, system in KINDS.items():
            runs[name].append(many(system, sizes.kind_orders, sizes.kind_singles))
            rate = runs[name][-1].orders_per_second
            say(f"  round {number} of {sizes.rounds}, {name}: {rate:,.0f} orders/s")
    led, danced = runs.values()
    for fact, unit in FACTS.items():
        taken, held = ([Sample(getattr(each, fact)) for each in some] for some in (led, danced))
        yield Figure(f"two_kinds/{fact}", unit, taken, None, Baseline(CHOREOGRAPHY, held))
