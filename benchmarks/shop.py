"""The shop as one runs it: orders come in through one process, others lead the followers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple

from benchmarks.basket import Basket, json_lines
from benchmarks.counter import Counter
from benchmarks.process import Process, started, told
from benchmarks.watcher import Watcher
from benchmarks.workload import Workload, check_ends, lines_of


class Ran(NamedTuple):
    """What a run of the shop came to."""

    seconds: float
    events: int


class Shop:
    """The shop on one store."""

    def __init__(self, store: str) -> None:
        self.store = store

    def receive(self, stock: Mapping[str, int]) -> None:
        """Takes pieces into stock."""
        lines = json_lines({"sku": sku, "quantity": count} for sku, count in stock.items())
        self._application("stock", "-", input="".join(lines))

    def place(self, baskets: Sequence[Basket]) -> None:
        """Places orders; they are on disk when it returns."""
        self._application("place", "-", input=lines_of(baskets))

    def settle(self) -> None:
        """Does all that there is to do, and returns."""
        self.sagaline("run", "--until-settled")

    def sagaline(self, *arguments: str) -> str:
        """What a command of the framework prints."""
        return told("sagaline", *self._system, *arguments)

    def sagaline_started(self, *arguments: str) -> AbstractContextManager[Process]:
        """A command of the framework, while it runs."""
        return started("sagaline", *self._system, *arguments)

    @contextmanager
    def led(self, workers: int = 1) -> Iterator[list[Process]]:
        """While so many `sagaline run` lead the shop's followers."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.sagaline_started("run")) for _ in range(workers)]

    @contextmanager
    def open(self) -> Iterator[Counter]:
        """While orders can be handed in."""
        with started("application", "--store", self.store, "place", "-") as process:
            yield Counter(process)

    def run(self, workload: Workload, workers: int = 1) -> Ran:
        """From the first order handed in until every order and every read table is done.

        All that takes part runs already, and is warm.
        """
        first, orders = lines_of(workload.warm_up), lines_of(workload.orders)
        with Watcher.on(self.store) as watcher, self.led(workers) as led, self.open() as counter:
            counter.hand_in(first)
            watcher.wait(led)
            ends, events = watcher.ends, watcher.events
            at = time.perf_counter()
            counter.hand_in(orders)
            watcher.wait(led)
            seconds = time.perf_counter() - at
            check_ends(ends, watcher.ends, workload)
            return Ran(seconds, watcher.events - events)

    def _application(self, *arguments: str, input: str) -> None:
        told("application", "--store", self.store, *arguments, input=input)

    @property
    def _system(self) -> tuple[str, ...]:
        return ("--app", "application.system:system", "--store", self.store)
