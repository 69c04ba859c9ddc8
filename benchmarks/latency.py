"""From a placed order to its end, one at a time, when nothing else is to be done.

On SQLite, as it is deployed: the order comes in through one process, a second one leads all
followers, and a third one, which measures, sees the end in the read table.
"""

import statistics
import time
from collections.abc import Iterator, Sequence

from benchmarks.basket import SEED, Basket
from benchmarks.figure import Asked, Figure
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.made_orders import articles, made_orders
from benchmarks.pairs import say
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.watcher import Watcher
from benchmarks.workload import lines_of

UNIT = "ms"


def latency(laboratory: Laboratory) -> Iterator[Figure]:
    """The median, and what one in a hundred takes longer than."""
    sizes = laboratory.sizes
    p50, p99 = [], []
    with laboratory.store(SQLITE) as store:
        for number in range(1, sizes.rounds + 1):
            orders = completable(sizes.first_orders + sizes.single_orders, SEED + number)
            taken = one_by_one(store, orders)[sizes.first_orders :]
            p50.append(Sample(statistics.median(taken)))
            p99.append(Sample(_p99(taken)))
            shown = f"p50 {p50[-1].value:.3g} ms, p99 {p99[-1].value:.3g} ms"
            say(f"  round {number} of {sizes.rounds}: {shown}")
    yield Figure("latency/p50", UNIT, p50, Asked("value <= 20"))
    yield Figure("latency/p99", UNIT, p99, Asked("value <= 60"))


def completable(count: int, seed: int) -> list[Basket]:
    """So many orders that end well."""
    # Of twice as many, because some of them do not.
    return [each for each in made_orders(2 * count, seed) if each.ends_well][:count]


def one_by_one(store: str, orders: Sequence[Basket]) -> list[float]:
    """Milliseconds of each order."""
    shop = Shop(store)
    shop.receive(articles())
    taken = []
    with Watcher.on(store) as watcher, shop.led() as led, shop.open() as counter:
        for order in orders:
            line = lines_of([order])
            watcher.wait(led)
            started = time.perf_counter()
            counter.hand_in(line)
            watcher.await_end(order, led)
            taken.append(1000 * (time.perf_counter() - started))
    return taken


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[-1]
