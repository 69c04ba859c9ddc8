"""Orders a second, from the first one handed in until every order and every read table is done.

Sagaline keeps all read tables of the contract, the baseline one; see `benchmarks.upstream`. It is
measured in two ways: as it is deployed (one process takes the orders in, two workers run the
followers), and in one process, as the baseline is, which cannot be run twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from benchmarks.contender import heat_of, one_process
from benchmarks.deployed import Deployed
from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.pairs import interleaved
from benchmarks.sample import Heat, cold, warm
from benchmarks.shop import Shop
from benchmarks.upstream.tuning import DOCUMENTED, EXPERT, NATIVE, PUSHED, Tuning
from benchmarks.workload import Workload

TWO_WORKERS, ONE_PROCESS = "Sagaline, two workers", "Sagaline, one process"
UNIT = "orders/s"
PROCESSOR = "ms/order"

ASKED = Asked("ratio >= 20")

BASELINES = {
    "": EXPERT,
    "/native": NATIVE,
    "/pushed": PUSHED,
    "/as_documented": DOCUMENTED,
}
"""What a figure's name adds, by the way in which the library is run."""

Runs = Mapping[str, Sequence[Heat]]


def orders_per_second(laboratory: Laboratory) -> Iterator[Figure]:
    """Made-up orders on SQLite, against the library in the ways in which it can be run."""
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.orders, sizes.bursts)
    few, fewer = sizes.expert_orders, sizes.documented_orders
    contenders = {
        TWO_WORKERS: partial(deployed, laboratory, SQLITE, orders, 2),
        ONE_PROCESS: partial(one_process, laboratory, SQLITE, orders),
        EXPERT.name: partial(upstream, laboratory, SQLITE, few, EXPERT),
        NATIVE.name: partial(upstream, laboratory, SQLITE, 2 * few, NATIVE),
        PUSHED.name: partial(upstream, laboratory, SQLITE, few, PUSHED),
        DOCUMENTED.name: partial(upstream, laboratory, SQLITE, fewer, DOCUMENTED),
    }
    runs = interleaved(sizes.rounds, UNIT, contenders)
    for added, tuning in BASELINES.items():
        asked = ASKED if tuning is EXPERT else None
        yield from against(f"orders_per_second/sqlite{added}", runs, tuning.name, asked)


def baskets_per_second(laboratory: Laboratory) -> Iterator[Figure]:
    """Real baskets on SQLite, against the library tuned by an expert.

    They have more lines than the orders that the targets are meant for, so nothing is asked here.
    """
    sizes = laboratory.sizes
    orders = Workload.real(sizes.baskets, sizes.bursts)
    few = Workload.real(sizes.expert_orders, sizes.bursts)
    contenders = {
        TWO_WORKERS: partial(deployed, laboratory, SQLITE, orders, 2),
        ONE_PROCESS: partial(one_process, laboratory, SQLITE, orders),
        EXPERT.name: partial(heat_of, laboratory, SQLITE, few, "benchmarks.upstream"),
    }
    runs = interleaved(sizes.rounds, UNIT, contenders)
    yield from against("orders_per_second/real_baskets", runs, EXPERT.name, None)


def against(name: str, runs: Runs, baseline: str | None, asked: Asked | None) -> Iterator[Figure]:
    """Both of ours against a baseline, warm and cold: the same is asked of all four."""
    for way, ours in (("", runs[TWO_WORKERS]), ("/one_process", runs[ONE_PROCESS])):
        for heat, taken in (("", warm), ("/cold", cold)):
            held = None if baseline is None else Baseline(baseline, taken(runs[baseline]))
            yield Figure(f"{name}{way}{heat}", UNIT, taken(ours), asked, held, PROCESSOR)


def deployed(laboratory: Laboratory, kind: str, workload: Workload, workers: int) -> Heat:
    """Orders a second of the shop with so many workers on a new store, cold and warm."""
    with laboratory.store(kind) as store:
        shop = Shop(store)
        shop.receive(workload.stock)
        with Deployed.on(shop, workers) as running:
            return Heat.of(running.run(workload, laboratory.sizes.warm_up))


def upstream(laboratory: Laboratory, kind: str, size: int, tuning: Tuning) -> Heat:
    """Orders a second of the baseline, in bursts of this size."""
    workload = Workload.made_up(size, laboratory.sizes.bursts)
    return heat_of(laboratory, kind, workload, "benchmarks.upstream", "--tuning", tuning.short_name)
