"""The measurements that are compared between two trees: few, and each in some seconds."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.basket import SEED
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.made_orders import each_article, made_orders
from benchmarks.process import WentWrong
from benchmarks.sample import Heat, Sample
from benchmarks.sizes import Sizes
from benchmarks.tree import Tree
from benchmarks.workload import Workload, check_ends

PROTOCOL = 1
"""What `benchmarks.one_process` measures and prints: two trees must agree on it."""

Taken = Mapping[str, Sample]


class Single:
    """One tree, with a long log that it has made."""

    def __init__(self, laboratory: Laboratory, tree: Tree, log: str) -> None:
        self.laboratory = laboratory
        self.sizes: Sizes = laboratory.sizes
        self.log = log
        self._tree = tree

    @classmethod
    @contextmanager
    def on(cls, laboratory: Laboratory, tree: Tree) -> Iterator["Single"]:
        """Makes the log, which is gone afterwards."""
        with laboratory.store(SQLITE) as log:
            single = cls(laboratory, tree, log)
            single.ask("log", log, str(laboratory.sizes.many_events))
            yield single

    def ask(self, *arguments: str) -> dict[str, Any]:
        """What the tree's own program says. Raises WentWrong where it measures something else."""
        told = self._tree.one_process(*arguments)
        if told["protocol"] != PROTOCOL:
            raise WentWrong(
                f"{self._tree.name} measures by protocol {told['protocol']}, not by {PROTOCOL}"
            )
        return told

    def run(self, store: str, workload: Workload, stock: str, warm_up: float) -> dict[str, Any]:
        """Brings orders to their ends, and checks these."""
        file = self.laboratory.file("orders.jsonl", workload.text)
        pieces = self.laboratory.file("stock.jsonl", stock)
        told = self.ask("orders", store, pieces, file, str(warm_up))
        check_ends({}, told["ends"], workload.orders[: told["orders"]])
        return told


def on_sqlite(single: Single) -> Taken:
    """Orders a second on a new SQLite store."""
    return _orders(single, SQLITE)


def on_postgresql(single: Single) -> Taken:
    """Orders a second on a new PostgreSQL database."""
    return _orders(single, POSTGRESQL)


def _orders(single: Single, kind: str) -> Taken:
    sizes = single.sizes
    workload = Workload.made_up(sizes.orders, sizes.bursts)
    with single.laboratory.store(kind) as store:
        told = single.run(store, workload, workload.stock_text, sizes.warm_up)
    heat = Heat.of(told)
    name = f"orders_per_second/{kind}"
    return {name: heat.warm, f"{name}/cold": heat.cold}


def rebuild(single: Single) -> Taken:
    """Events a second of a rebuild in one process."""
    told = single.ask("rebuild", single.log, "order_list")
    events = told["events"]
    spent = 1_000_000 * told["processor"] / events
    return {"rebuild/order_list": Sample(events / told["seconds"], spent)}


def latency(single: Single) -> Taken:
    """Milliseconds of orders that come one by one to a deployed shop."""
    count = single.sizes.single_orders
    with single.laboratory.store(SQLITE) as store:
        told = single.ask("latency", store, str(count))
    spent = 1000 * told["processor"] / count
    p99 = statistics.quantiles(told["ms"], n=100, method="inclusive")[-1]
    p50 = statistics.median(told["ms"])
    return {"latency/p50": Sample(p50, spent), "latency/p99": Sample(p99, spent)}


def cost_of_event(single: Single) -> Taken:
    """Microseconds of an event on a fresh copy of a long log, each article sold once before."""
    orders = made_orders(single.sizes.cost_orders, SEED + 100)
    workload = Workload([each_article(SEED + 101), orders])
    with single.laboratory.copy_of(single.log) as store:
        counted = single.run(store, workload, "", 0.0)["warm"]
    each = 1_000_000 / counted["events"]
    return {"cost_of_event": Sample(each * counted["seconds"], each * counted["processor"])}


@dataclass(frozen=True)
class Measure:
    """A measurement, its unit, and that of the processor time beside it."""

    run: Callable[[Single], Taken]
    unit: str
    processor: str


MEASURES = {
    "sqlite": Measure(on_sqlite, "orders/s", "ms/order"),
    "postgresql": Measure(on_postgresql, "orders/s", "ms/order"),
    "rebuild": Measure(rebuild, "events/s", "us/event"),
    "latency": Measure(latency, "ms", "ms/order"),
    "cost_of_event": Measure(cost_of_event, "us", "us/event"),
}
