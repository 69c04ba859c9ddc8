"""Two workers against one: processes of `sagaline run` on one PostgreSQL store."""

from collections.abc import Iterator
from functools import partial

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import POSTGRESQL, Laboratory
from benchmarks.orders_per_second import UNIT, ours
from benchmarks.pairs import interleaved
from benchmarks.workload import Workload

ONE, TWO = "one worker", "two workers"


def workers(laboratory: Laboratory) -> Iterator[Figure]:
    """Orders a second of two."""
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.warm_up, sizes.orders)
    taken = interleaved(
        sizes.rounds,
        UNIT,
        {
            name: partial(ours, laboratory, POSTGRESQL, orders, number)
            for name, number in ((ONE, 1), (TWO, 2))
        },
    )
    yield Figure(
        "workers/postgresql", UNIT, taken[TWO], Asked("ratio >= 1.4"), Baseline(ONE, taken[ONE])
    )
