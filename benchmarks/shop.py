"""The shop by its command lines: what a person would type, and the processes that it starts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from benchmarks.basket import Basket
from benchmarks.counter import Counter
from benchmarks.process import Process, started, told
from benchmarks.workload import lines_of, stock_lines


class Shop:
    """The shop on one store."""

    def __init__(self, store: str) -> None:
        self.store = store

    def receive(self, stock: Mapping[str, int]) -> None:
        """Takes pieces into stock."""
        self._application("stock", "-", input=stock_lines(stock))

    def place(self, baskets: Sequence[Basket]) -> None:
        """Places orders; they are on disk when it returns."""
        self._application("place", "-", input=lines_of(baskets))

    def settle(self) -> None:
        """Does all that there is to do, and returns."""
        self.sagaline("run", "--until-settled")

    def sagaline(self, *arguments: str) -> str:
        """What a command of the framework prints."""
        return told("sagaline", *self.system, *arguments)

    def sagaline_started(self, *arguments: str) -> AbstractContextManager[Process]:
        """A command of the framework, while it runs."""
        return started("sagaline", *self.system, *arguments)

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

    def owners(self) -> set[str]:
        """The workers that lead a follower, as `sagaline status` names them."""
        status = json.loads(self.sagaline("status", "--json"))
        return {each["owner"] for each in status["followers"] if each["owner"]}

    def _application(self, *arguments: str, input: str) -> None:
        told("application", "--store", self.store, *arguments, input=input)

    @property
    def system(self) -> tuple[str, ...]:
        """The options that name the shop and its store."""
        return ("--app", "application.system:system", "--store", self.store)
