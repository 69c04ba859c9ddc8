"""Orders a second, from the first one handed in until every order and every read table is done.

Sagaline keeps all read tables of the contract, the baseline one; see `benchmarks.upstream`. Two
workers lead it, one for each core: the baseline cannot be run twice.
"""

from collections.abc import Iterator
from functools import partial

from benchmarks.contender import rate_of
from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.pairs import interleaved
from benchmarks.shop import Shop
from benchmarks.upstream.tuning import DOCUMENTED, EXPERT, PUSHED
from benchmarks.workload import Workload

OURS = "Sagaline"
UNIT = "orders/s"
WORKERS = 2
"""Processes of `sagaline run`, one for each core."""

ASKED = {SQLITE: Asked("ratio >= 20"), POSTGRESQL: Asked("ratio >= 30")}


def orders_per_second(laboratory: Laboratory, kind: str) -> Iterator[Figure]:
    """Made-up orders on a kind of store, against the library in the ways in which it can be run."""
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.warm_up, sizes.orders)
    few, fewer = orders.first(sizes.expert_orders), orders.first(sizes.documented_orders)
    taken = interleaved(
        sizes.rounds,
        UNIT,
        {
            OURS: partial(ours, laboratory, kind, orders),
            EXPERT.name: partial(upstream, laboratory, kind, few),
            PUSHED.name: partial(upstream, laboratory, kind, few, "--tuning", "pushed"),
            DOCUMENTED.name: partial(upstream, laboratory, kind, fewer, "--tuning", "documented"),
        },
    )
    name = f"orders_per_second/{kind}"
    for each, asked, against in (
        (name, ASKED[kind], EXPERT),
        (f"{name}/pushed", None, PUSHED),
        (f"{name}/as_documented", None, DOCUMENTED),
    ):
        yield Figure(each, UNIT, taken[OURS], asked, Baseline(against.name, taken[against.name]))


def baskets_per_second(laboratory: Laboratory) -> Iterator[Figure]:
    """Real baskets on SQLite, against the library tuned by an expert.

    They have more lines than the orders that the targets are meant for, so nothing is asked here.
    """
    sizes = laboratory.sizes
    orders = Workload.real(sizes.warm_up, sizes.baskets)
    taken = interleaved(
        sizes.rounds,
        UNIT,
        {
            OURS: partial(ours, laboratory, SQLITE, orders),
            EXPERT.name: partial(upstream, laboratory, SQLITE, orders.first(sizes.expert_orders)),
        },
    )
    yield Figure(
        "orders_per_second/real_baskets",
        UNIT,
        taken[OURS],
        None,
        Baseline(EXPERT.name, taken[EXPERT.name]),
    )


def ours(laboratory: Laboratory, kind: str, workload: Workload, workers: int = WORKERS) -> float:
    """Orders a second of the shop, on a new store.

    Orders go first by which the workers find out who should lead what.
    """
    workload = workload.after(laboratory.sizes.share_out)
    with laboratory.store(kind) as store:
        shop = Shop(store)
        shop.receive(workload.stock)
        return len(workload.orders) / shop.run(workload, workers).seconds


def upstream(laboratory: Laboratory, kind: str, workload: Workload, *options: str) -> float:
    """Orders a second of the baseline."""
    return rate_of(laboratory, kind, workload, "benchmarks.upstream", *options)
