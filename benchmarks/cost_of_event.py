"""What an event costs when the log is long, against when it is short.

New orders come to a shop that has had tens of thousands, and to one that has had a few hundred. The
logs, the read tables and the streams of the stock are as long as so many orders make them. Each
article is sold once before it counts, so that what is read at the start is not measured.
"""

from collections.abc import Iterator
from functools import partial
from itertools import count

from benchmarks.basket import SEED
from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import Laboratory
from benchmarks.made_orders import each_article, made_orders
from benchmarks.pairs import interleaved
from benchmarks.shop import Shop
from benchmarks.workload import Workload

UNIT = "us"
ASKED = Asked("ratio <= 1.1")


def cost_of_event(laboratory: Laboratory) -> Iterator[Figure]:
    """Microseconds of an event, from the order handed in to all read tables."""
    sizes = laboratory.sizes
    short, long = (f"{events:,} events" for events in (sizes.few_events, sizes.many_events))
    stores = {short: sizes.few_events, long: sizes.many_events}
    logs = {name: laboratory.long_log(events) for name, events in stores.items()}
    seeds = count(SEED + 100)
    taken = interleaved(
        sizes.cost_rounds,
        UNIT,
        {name: partial(cost, log, sizes.cost_orders, seeds) for name, log in logs.items()},
    )
    yield Figure("cost_of_event", UNIT, taken[long], ASKED, Baseline(short, taken[short]))


def cost(store: str, orders: int, seeds: Iterator[int]) -> float:
    """Of one run with new orders."""
    workload = Workload(each_article(next(seeds)), made_orders(orders, next(seeds)))
    ran = Shop(store).run(workload)
    return 1_000_000 * ran.seconds / ran.events
