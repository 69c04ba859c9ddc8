"""How soon a runner works when the log is long, on SQLite.

One new order waits. It counts from when the runner is made until the saga has heard of the order;
and, as a second figure, from when the process of `sagaline run` is started, which first has to load
Python and all modules.
"""

import time
from collections.abc import Iterator
from typing import IO, cast

from application.orders import Orders
from benchmarks.basket import SEED
from benchmarks.figure import Asked, Figure
from benchmarks.laboratory import Laboratory
from benchmarks.made_orders import made_orders
from benchmarks.pairs import interleaved
from benchmarks.process import started as module_started
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.watcher import Watcher
from sagas.order_fulfilment import OrderFulfilment

UNIT = "s"
PROGRAM = "benchmarks.programs.runner"
FOLLOWER, LEADER = OrderFulfilment.__name__, Orders.name


def start(laboratory: Laboratory) -> Iterator[Figure]:
    """Of a runner, and of its process."""
    sizes = laboratory.sizes
    log = laboratory.long_log(sizes.many_events)
    shop = Shop(log)
    shop.settle()
    waiting = iter(made_orders(2 * sizes.rounds, SEED + 50))

    def runner() -> Sample:
        shop.place([next(waiting)])
        with Watcher.on(log) as watcher, module_started(PROGRAM, log) as process:
            started = float(cast("IO[str]", process.stdout).readline())
            watcher.await_follower(FOLLOWER, LEADER, [process])
            seconds = time.time() - started
            watcher.wait([process])
        return Sample(seconds)

    def process() -> Sample:
        shop.place([next(waiting)])
        with Watcher.on(log) as watcher:
            started = time.perf_counter()
            with shop.led() as led:
                watcher.await_follower(FOLLOWER, LEADER, led)
                seconds = time.perf_counter() - started
                watcher.wait(led)
        return Sample(seconds)

    taken = interleaved(sizes.rounds, UNIT, {"a runner": runner, "its process": process})
    yield Figure("start/runner", UNIT, taken["a runner"], Asked("value <= 1"))
    yield Figure("start/process", UNIT, taken["its process"])
