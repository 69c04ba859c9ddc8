"""Orders a second on PostgreSQL: against the library, engines for durable steps, and one worker.

All take turns in one set of rounds, so that each figure of ours is taken once for all of them.
"""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import durable_steps
from benchmarks.contender import one_process
from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import POSTGRESQL, Laboratory
from benchmarks.orders_per_second import (
    BASELINES,
    ONE_PROCESS,
    PROCESSOR,
    TWO_WORKERS,
    UNIT,
    Runs,
    against,
    deployed,
    upstream,
)
from benchmarks.pairs import interleaved
from benchmarks.sample import Heat, warm
from benchmarks.upstream.tuning import DOCUMENTED, EXPERT, NATIVE, PUSHED
from benchmarks.workload import Workload

ONE_WORKER = "one worker"
ASKED = Asked("ratio >= 30")
ASKED_OF_WORKERS = Asked("ratio >= 1.4")


def on_postgresql(laboratory: Laboratory) -> Iterator[Figure]:
    """All figures of orders a second on PostgreSQL."""
    engines = durable_steps.contenders(laboratory)
    contenders = {**_ours(laboratory), **_libraries(laboratory), **engines}
    runs = interleaved(laboratory.sizes.rounds, UNIT, contenders)
    for added, tuning in BASELINES.items():
        asked = ASKED if tuning is EXPERT else None
        yield from against(f"orders_per_second/postgresql{added}", runs, tuning.name, asked)
    yield from durable_steps.figures(runs, list(engines), durable_steps.skipped())
    yield _workers(runs)


def _ours(laboratory: Laboratory) -> dict[str, Callable[[], Heat]]:
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.orders, sizes.bursts)
    return {
        TWO_WORKERS: partial(deployed, laboratory, POSTGRESQL, orders, 2),
        ONE_PROCESS: partial(one_process, laboratory, POSTGRESQL, orders),
        ONE_WORKER: partial(deployed, laboratory, POSTGRESQL, orders, 1),
    }


def _libraries(laboratory: Laboratory) -> dict[str, Callable[[], Heat]]:
    # Half as many as on SQLite: they are slower here.
    few, fewer = laboratory.sizes.expert_orders // 2, laboratory.sizes.documented_orders // 2
    return {
        EXPERT.name: partial(upstream, laboratory, POSTGRESQL, few, EXPERT),
        NATIVE.name: partial(upstream, laboratory, POSTGRESQL, 2 * few, NATIVE),
        PUSHED.name: partial(upstream, laboratory, POSTGRESQL, few, PUSHED),
        DOCUMENTED.name: partial(upstream, laboratory, POSTGRESQL, fewer, DOCUMENTED),
    }


def _workers(runs: Runs) -> Figure:
    """Two workers against one, each with a process that takes the orders in."""
    one = Baseline(ONE_WORKER, warm(runs[ONE_WORKER]))
    taken = warm(runs[TWO_WORKERS])
    return Figure("workers/postgresql", UNIT, taken, ASKED_OF_WORKERS, one, PROCESSOR)
