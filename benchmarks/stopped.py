"""What workers lead that are stopped again and again: the shop, and sagas whose port hangs.

Each has more to do before each stop, and says in the end whether anything was lost or doubled.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select

from benchmarks.basket import Basket
from benchmarks.counter import Counter
from benchmarks.process import WentWrong, told
from benchmarks.programs import hanging
from benchmarks.programs.ports import OpenTrip, Trips
from benchmarks.shop import Shop
from benchmarks.watcher import Watcher
from benchmarks.workload import Workload, check_ends, lines_of
from sagaline import Runner
from sagaline.system.saga_list import saga_list

ARRIVING = 100
"""Orders, or sagas, that arrive before each stop."""

ONE_IN = 10
"""How many sagas there are for each that meets a port that never answers."""


class Work(Protocol):
    """What a worker leads."""

    @property
    def options(self) -> Sequence[str]:
        """The options of `sagaline` that name it."""

    def arrive(self) -> None:
        """There is more to do."""

    def check(self) -> None:
        """Raises WentWrong where something was lost or doubled."""


class Orders:
    """The shop, behind a backlog; orders go on arriving."""

    def __init__(self, shop: Shop, counter: Counter, orders: Sequence[Basket], placed: int) -> None:
        self.options = shop.system
        self._shop = shop
        self._counter = counter
        self._orders = orders
        self._placed = placed

    @classmethod
    @contextmanager
    def at(cls, store: str, backlog: int, arriving: int) -> Iterator["Orders"]:
        """The shop on a new store, where so many orders wait and so many will arrive."""
        shop, workload = Shop(store), Workload.made_up(backlog + arriving)
        shop.receive(workload.stock)
        shop.place(workload.orders[:backlog])
        with shop.open() as counter:
            counter.await_open()
            yield cls(shop, counter, workload.orders, backlog)

    def arrive(self) -> None:
        """Some orders are placed."""
        begin, self._placed = self._placed, self._placed + ARRIVING
        self._counter.hand_in(lines_of(self._orders[begin : self._placed]))

    def check(self) -> None:
        """Brings all orders to their ends, and holds the read tables against the logs."""
        self._shop.settle()
        with Watcher.on(self._shop.store) as watcher:
            check_ends({}, watcher.ends, self._orders[: self._placed])
        self._shop.sagaline("rebuild", "--verify")


class HangingPort:
    """Sagas of which one in so many meets a port that never answers while workers are stopped."""

    def __init__(self, store: str, kind: str) -> None:
        program = f"{hanging.__name__}:{kind}"
        self.options = ("--app", program, "--store", store)
        self._runner = Runner(getattr(hanging, kind), {"SQLALCHEMY_URL": store})
        self._started = 0

    @classmethod
    @contextmanager
    def at(cls, store: str, kind: str) -> Iterator["HangingPort"]:
        """On a new store; `kind` is `threaded` or `asynchronous`."""
        work = cls(store, kind)
        try:
            yield work
        finally:
            work._runner.stop()

    def arrive(self) -> None:
        """Some sagas start."""
        begin, self._started = self._started, self._started + ARRIVING
        ids = range(begin + 1, self._started + 1)
        self._runner.get(Trips).execute([OpenTrip(trip=UUID(int=each)) for each in ids])

    def check(self) -> None:
        """Lets the port answer: each saga has completed, and each was charged once."""
        told("sagaline", *self.options, "run", "--until-settled")
        query = select(func.count()).where(saga_list.c.state == "completed")
        with self._runner.views.read() as connection:
            completed = connection.execute(query).scalar_one()
        charged = self._runner.apps["Payments"].recorder.head()
        if (completed, charged) != (self._started, self._started):
            ends = f"{completed} completed, {charged} were charged"
            raise WentWrong(f"Of {self._started} sagas {ends}")
