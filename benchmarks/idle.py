"""What a runner that has nothing to do takes of a core: processor time of `sagaline run`.

It has seen some orders to their ends, so that all is loaded and every follower has been at work.
"""

import time
from collections.abc import Iterator
from functools import partial
from subprocess import TimeoutExpired

from benchmarks.figure import Asked, Figure
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.pairs import interleaved
from benchmarks.proc import processor_seconds
from benchmarks.process import Process, WentWrong
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.watcher import Watcher
from benchmarks.workload import Workload

UNIT = "%"
ASKED = Asked("value <= 1")


def idle(laboratory: Laboratory) -> Iterator[Figure]:
    """Percent of a core, on both stores."""
    taken = interleaved(
        laboratory.sizes.rounds,
        UNIT,
        {kind: partial(share, laboratory, kind) for kind in (SQLITE, POSTGRESQL)},
    )
    for kind, shares in taken.items():
        yield Figure(f"idle/{kind}", UNIT, shares, ASKED)


def share(laboratory: Laboratory, kind: str) -> Sample:
    """Of one runner on a new store."""
    sizes = laboratory.sizes
    some = Workload.made_up(sizes.first_orders)
    with laboratory.store(kind) as store:
        shop = Shop(store)
        shop.receive(some.stock)
        shop.place(some.orders)
        with shop.led() as (runner,):
            with Watcher.on(store) as watcher:
                watcher.wait([runner])
            before = processor_seconds(runner.pid)
            started = time.perf_counter()
            _stay_away(runner, sizes.idle_seconds)
            spent = processor_seconds(runner.pid) - before
            return Sample(100 * spent / (time.perf_counter() - started))


def _stay_away(process: Process, seconds: float) -> None:
    try:
        process.wait(seconds)
    except TimeoutExpired:
        return
    raise WentWrong("The runner ended though nobody told it to")
