"""Sees in a store how far the work is, whoever does it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from sqlalchemy import func, select

from application.system import system
from benchmarks.basket import Basket
from benchmarks.process import LIMIT, Process, WentWrong
from projections.tables import order_list
from sagaline import Runner

LOOK = 0.005
"""Seconds between two looks whether everything is done."""

GLANCE = 0.0002
"""Seconds between two looks at one thing, which are quick."""


class Watcher:
    """A runner that leads nothing: it only asks the store."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @classmethod
    @contextmanager
    def on(cls, store: str) -> Iterator[Self]:
        """A watcher of this store."""
        runner = Runner(system, {"SQLALCHEMY_URL": store, "SAGALINE_VIEWS": store})
        try:
            yield cls(runner)
        finally:
            runner.stop()

    def wait(self, workers: Sequence[Process]) -> None:
        """Returns when all orders and all read tables are done. Raises WentWrong."""
        _until(self._runner.settled, workers, LOOK)

    def await_end(self, order: Basket, workers: Sequence[Process]) -> None:
        """Returns when the read table has the end of an order. Raises WentWrong."""
        query = select(order_list.c.status).where(order_list.c.order_id == order.order_id)

        def ended() -> bool:
            with self._runner.views.read() as connection:
                return connection.execute(query).scalar() in ("completed", "cancelled")

        _until(ended, workers, GLANCE)

    def await_follower(self, follower: str, leader: str, workers: Sequence[Process]) -> None:
        """Returns when a follower is at the end of a log. Raises WentWrong."""

        def reached() -> bool:
            places = {(each.follower, each.leader): each.lag for each in self._runner.places()}
            return places[follower, leader] == 0

        _until(reached, workers, GLANCE)

    @property
    def events(self) -> int:
        """How many events there are in all logs."""
        return sum(each.recorder.head() for each in self._runner.apps.values())

    @property
    def ends(self) -> dict[str, int]:
        """How many orders stand how, as the read table has it."""
        query = select(order_list.c.status, func.count()).group_by(order_list.c.status)
        with self._runner.views.read() as connection:
            return dict(connection.execute(query).tuples().all())


def _until(done: Callable[[], bool], workers: Sequence[Process], pause: float) -> None:
    deadline = time.monotonic() + LIMIT
    while not done():
        if time.monotonic() > deadline:
            raise WentWrong(f"Not done after {LIMIT:g} s")
        if any(each.poll() is not None for each in workers):
            raise WentWrong("A worker ended before its work did")
        time.sleep(pause)
