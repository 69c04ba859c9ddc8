"""Sees in a store how far the work is, whoever does it.

It must not take from those who work what they need: while orders are open, a look is a query for
one row every 50 ms, about 1 % of a core. A run is told to have taken up to 50 ms longer than it
did, 25 ms on average; the other systems, which say themselves that they are done, have no such
loss. A glance, for what takes milliseconds, is late by 0.2 ms and the time of its query, and keeps
a core busy for as long.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import Connection, Select, create_engine, func, select

from application.system import system
from benchmarks.basket import Basket
from benchmarks.process import LIMIT, Process, WentWrong
from projections.tables import order_list
from sagaline import Runner

LOOK = 0.05
"""Seconds between two looks whether everything is done."""

GLANCE = 0.0002
"""Seconds between two looks at one thing that is soon done."""

OPEN = select(order_list.c.order_id).where(order_list.c.status == "placed").limit(1)


class Watcher:
    """A runner that leads nothing: it only asks the store.

    It asks the read tables by a connection of its own without transactions, which is quicker.
    """

    def __init__(self, runner: Runner, tables: Connection) -> None:
        self._runner = runner
        self._tables = tables

    @classmethod
    @contextmanager
    def on(cls, store: str) -> Iterator[Self]:
        """A watcher of this store."""
        runner = Runner(system, {"SQLALCHEMY_URL": store, "SAGALINE_VIEWS": store})
        engine = create_engine(store, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as tables:
                yield cls(runner, tables)
        finally:
            engine.dispose()
            runner.stop()

    def wait(self, workers: Sequence[Process]) -> None:
        """Returns when all orders and all read tables are done. Raises WentWrong."""
        # The orders first: to ask whether all is settled takes many queries.
        _until(lambda: not self._open() and self._runner.settled(), workers, LOOK)

    def await_end(self, order: Basket, workers: Sequence[Process]) -> None:
        """Returns when the read table has the end of an order. Raises WentWrong."""
        query = select(order_list.c.status).where(order_list.c.order_id == order.order_id)

        _until(lambda: self._found(query) in ("completed", "cancelled"), workers, GLANCE)

    def await_follower(self, follower: str, leader: str, workers: Sequence[Process]) -> None:
        """Returns when a follower is at the end of a log. Raises WentWrong."""

        def reached() -> bool:
            places = {(each.follower, each.leader): each.lag for each in self._runner.lag()}
            return places[follower, leader] == 0

        _until(reached, workers, GLANCE)

    def _open(self) -> bool:
        """Whether the read table has an order that has not ended."""
        return self._found(OPEN) is not None

    def _found(self, query: Select[Any]) -> Any:
        """The first value that a query of the read tables finds, if any."""
        return self._tables.execute(query).scalar()

    @property
    def events(self) -> int:
        """How many events there are in all logs."""
        return sum(each.recorder.head() for each in self._runner.apps.values())

    @property
    def ends(self) -> dict[str, int]:
        """How many orders stand how, as the read table has it."""
        query = select(order_list.c.status, func.count()).group_by(order_list.c.status)
        return dict(self._tables.execute(query).tuples().all())


def _until(done: Callable[[], bool], workers: Sequence[Process], pause: float) -> None:
    deadline = time.monotonic() + LIMIT
    while not done():
        if time.monotonic() > deadline:
            raise WentWrong(f"Not done after {LIMIT:g} s")
        if any(each.poll() is not None for each in workers):
            raise WentWrong("A worker ended before its work did")
        time.sleep(pause)
