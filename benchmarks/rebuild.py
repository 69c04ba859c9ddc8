"""Events a second of a rebuild of `order_list`, from a long log on SQLite.

Against the library's way, and against the floor: what the same work takes with nothing around it.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.made_orders import made_orders
from benchmarks.orders_per_second import OURS
from benchmarks.pairs import interleaved
from benchmarks.process import printed
from benchmarks.shop import Shop
from benchmarks.workload import lines_of

UNIT = "events/s"
UPSTREAM = "eventsourcing, its follower pulling the log"
FLOOR = "sqlite3 and JSON alone"


def rebuild(laboratory: Laboratory) -> Iterator[Figure]:
    """Both, in turns."""
    log = laboratory.long_log(laboratory.sizes.many_events)
    taken = interleaved(
        laboratory.sizes.rounds,
        UNIT,
        {
            OURS: partial(ours, log),
            UPSTREAM: partial(upstream, laboratory),
            FLOOR: partial(floor, log),
        },
    )
    for name, asked, against in (
        ("rebuild/order_list", Asked("ratio >= 60"), UPSTREAM),
        ("rebuild/order_list/floor", Asked("ratio >= 0.3"), FLOOR),
    ):
        yield Figure(name, UNIT, taken[OURS], asked, Baseline(against, taken[against]))


def ours(store: str) -> float:
    """By the command line."""
    return _rate(*json.loads(Shop(store).sagaline("rebuild", "order_list", "--json")))


def upstream(laboratory: Laboratory) -> float:
    """By the baseline pushed to its limit, from a log of its own, which is shorter."""
    orders = laboratory.file("orders.jsonl", lines_of(made_orders(laboratory.sizes.pulled_orders)))
    with laboratory.store(SQLITE) as store:
        return _rate(printed("benchmarks.upstream.rebuild", store, orders))


def floor(store: str) -> float:
    """By a loop."""
    return _rate(printed("benchmarks.programs.floor", store))


def _rate(said: dict[str, Any]) -> float:
    rate: float = said["events"] / said["seconds"]
    return rate
