"""Events a second of a rebuild of `order_list`, from a long log on SQLite.

In two processes, as `sagaline rebuild` works, and in one. Against the library's way, by SQLAlchemy
and by its own recorder, and against the floor: what the same work takes with nothing around it.
Those are one process each.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.made_orders import made_orders
from benchmarks.pairs import interleaved
from benchmarks.process import printed
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.workload import lines_of

UNIT = "events/s"
PROCESSOR = "us/event"
TWO, ONE = "Sagaline, two processes", "Sagaline, one process"
UPSTREAM = "eventsourcing, its follower pulling the log"
NATIVE = "eventsourcing's own recorder, its follower pulling the log"
FLOOR = "sqlite3 and a JSON parser, by plain means"


def rebuild(laboratory: Laboratory) -> Iterator[Figure]:
    """All of them, in turns."""
    log = laboratory.long_log(laboratory.sizes.many_events)
    contenders = {
        TWO: partial(two_processes, log),
        ONE: partial(one_process, log),
        UPSTREAM: partial(upstream, laboratory, "pushed"),
        NATIVE: partial(upstream, laboratory, "native"),
        FLOOR: partial(floor, log),
    }
    taken = interleaved(laboratory.sizes.rounds, UNIT, contenders)
    for added, asked, baseline in (
        ("", Asked("ratio >= 60"), UPSTREAM),
        ("/native", None, NATIVE),
        ("/floor", Asked("ratio >= 0.3"), FLOOR),
    ):
        for way, ours in (("", TWO), ("/one_process", ONE)):
            held = Baseline(baseline, taken[baseline])
            name = f"rebuild/order_list{added}{way}"
            yield Figure(name, UNIT, taken[ours], asked, held, PROCESSOR)


def two_processes(store: str) -> Sample:
    """By the command line."""
    (built,) = json.loads(Shop(store).sagaline("rebuild", "order_list", "--json"))
    return Sample(built["events"] / built["seconds"])


def one_process(store: str) -> Sample:
    """By the same function without a second process."""
    return _rate(printed("benchmarks.one_process", "rebuild", store, "order_list"))


def upstream(laboratory: Laboratory, tuning: str) -> Sample:
    """By the baseline, from a log of its own, which is shorter."""
    orders = laboratory.file("orders.jsonl", lines_of(made_orders(laboratory.sizes.pulled_orders)))
    with laboratory.store(SQLITE) as store:
        return _rate(printed("benchmarks.upstream.rebuild", store, orders, tuning))


def floor(store: str) -> Sample:
    """By a loop."""
    return _rate(printed("benchmarks.programs.floor", store))


def _rate(said: dict[str, Any]) -> Sample:
    events = said["events"]
    return Sample(events / said["seconds"], 1_000_000 * said["processor"] / events)
