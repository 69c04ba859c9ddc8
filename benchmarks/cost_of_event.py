"""What an event costs when the log is long, against when it is short.

New orders come to a shop that has had tens of thousands, and to one that has had a few hundred. The
logs, the read tables and the streams of the stock are as long as so many orders make them. Each
article is sold once before it counts, so that what is read at the start is not measured. Each run
has a fresh copy of the store, so that no run makes the log of the next one longer.
"""

from collections.abc import Iterator
from functools import partial
from itertools import count

from benchmarks.basket import SEED
from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import Laboratory
from benchmarks.made_orders import each_article, made_orders
from benchmarks.pairs import interleaved
from benchmarks.process import printed
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.workload import Workload, check_ends

UNIT = "us"
ASKED = Asked("ratio <= 1.1")


def cost_of_event(laboratory: Laboratory) -> Iterator[Figure]:
    """Microseconds of an event, from the order handed in to all read tables, in one process."""
    sizes = laboratory.sizes
    short, long = (f"{events:,} events" for events in (sizes.few_events, sizes.many_events))
    stores = {short: sizes.few_events, long: sizes.many_events}
    logs = {name: laboratory.long_log(events) for name, events in stores.items()}
    for log in logs.values():
        Shop(log).settle()
    seeds = count(SEED + 100)
    contenders = {name: partial(cost, laboratory, log, seeds) for name, log in logs.items()}
    taken = interleaved(sizes.cost_rounds, UNIT, contenders)
    yield Figure("cost_of_event", UNIT, taken[long], ASKED, Baseline(short, taken[short]), UNIT)


def cost(laboratory: Laboratory, log: str, seeds: Iterator[int]) -> Sample:
    """Of one run with new orders, on a copy of a log."""
    orders = made_orders(laboratory.sizes.cost_orders, next(seeds))
    workload = Workload([each_article(next(seeds)), orders])
    file = laboratory.file("orders.jsonl", workload.text)
    no_stock = laboratory.file("stock.jsonl", "")
    with laboratory.copy_of(log) as store:
        said = printed("benchmarks.one_process", "orders", store, no_stock, file, "0")
    check_ends({}, said["ends"], workload.orders)
    counted = said["warm"]
    each = 1_000_000 / counted["events"]
    return Sample(each * counted["seconds"], each * counted["processor"])
