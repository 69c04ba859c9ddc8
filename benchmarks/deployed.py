"""The shop as it is deployed: one process takes the orders in, others run the followers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.basket import Basket
from benchmarks.counter import Counter
from benchmarks.one_process.bursts import Meter, run_bursts
from benchmarks.proc import processor_seconds
from benchmarks.process import Process, WentWrong
from benchmarks.shop import Shop
from benchmarks.watcher import Watcher
from benchmarks.workload import Workload, check_ends, lines_of

LOOKS = 60
"""How often it is asked who leads what; each answer takes a process of its own."""


class Deployed:
    """A shop whose processes have started and have nothing to do yet."""

    def __init__(self, watcher: Watcher, workers: Sequence[Process], counter: Counter) -> None:
        self._watcher = watcher
        self._workers = workers
        self._counter = counter

    @classmethod
    @contextmanager
    def on(cls, shop: Shop, workers: int) -> Iterator["Deployed"]:
        """While so many workers run. Each of them leads some follower, and no order was placed."""
        with Watcher.on(shop.store) as watcher, shop.led(workers) as led, shop.open() as counter:
            watcher.wait(led)
            counter.await_open()
            _await_owners(shop, watcher, led)
            yield cls(watcher, led, counter)

    def run(self, workload: Workload, warm_up: float) -> dict[str, Any]:
        """Places the bursts of a workload; returns what `run_bursts` does. Raises WentWrong."""
        before = self._watcher.ends
        told = run_bursts(workload.bursts, self._finish, warm_up, Meter(self._processor))
        check_ends(before, self._watcher.ends, workload.orders[: told["orders"]])
        return told

    def _finish(self, orders: Sequence[Basket]) -> None:
        self._counter.hand_in(lines_of(orders))
        self._watcher.wait(self._workers)

    def _processor(self) -> float:
        """Of all processes of the shop; what only measures is none of them."""
        processes = [*self._workers, self._counter.process]
        return sum(processor_seconds(each.pid) for each in processes)


def _await_owners(shop: Shop, watcher: Watcher, workers: Sequence[Process]) -> None:
    """Returns when each worker leads a follower. Raises WentWrong."""
    for _ in range(LOOKS):
        if len(shop.owners()) == len(workers):
            return
        watcher.wait(workers)
    raise WentWrong(f"Not each of {len(workers)} workers leads a follower")
