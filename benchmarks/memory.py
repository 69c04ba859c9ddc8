"""The most memory that a command takes while it goes over many events on SQLite.

Three peaks, each named for what is done. One process does the work: it places orders until the
logs have grown by so many events, and runs sagas, participants and read models. A runner folds all
read tables from the start of a long log, and does nothing else. A rebuild builds `order_timeline`,
which has a row for each event of an order, over all logs. What the processes of one command share
is counted for each of them.
"""

from collections.abc import Iterator
from functools import partial
from subprocess import TimeoutExpired

from benchmarks.figure import Asked, Figure
from benchmarks.growth import unfold
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.pairs import interleaved
from benchmarks.proc import family, high_water
from benchmarks.process import LIMIT, check, printed
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.workload import Workload, check_ends

UNIT = "MB"
ASKED = Asked("value <= 300")

LOOK = 0.02
"""Seconds between two looks: a mark that only rises needs no more."""

LEAST = 10
"""Events of an order, at least: so many orders are enough."""


def memory(laboratory: Laboratory) -> Iterator[Figure]:
    """Of the work, of folding, and of a rebuild."""
    log = laboratory.long_log(laboratory.sizes.many_events)
    measures = {
        "memory/runner_doing_the_work": partial(work, laboratory),
        "memory/runner_folding_read_tables": partial(fold, log),
        "memory/rebuild": partial(rebuild, log),
    }
    taken = interleaved(laboratory.sizes.memory_rounds, UNIT, measures)
    for name, samples in taken.items():
        yield Figure(name, UNIT, samples, ASKED)


def work(laboratory: Laboratory) -> Sample:
    """Of one process that does the work of many events."""
    sizes = laboratory.sizes
    events = sizes.many_events
    orders = Workload.made_up(sizes.orders, 1 + events // LEAST // sizes.orders)
    file = laboratory.file("orders.jsonl", orders.text)
    stock = laboratory.file("stock.jsonl", orders.stock_text)
    with laboratory.store(SQLITE) as store:
        said = printed("benchmarks.one_process", "work", store, stock, file, str(events))
    check_ends({}, said["ends"], orders.orders[: said["orders"]])
    return Sample(said["megabytes"])


def fold(log: str) -> Sample:
    """Of a runner that folds all read tables from the start of a log."""
    unfold(log)
    return peak(log, "run", "--until-settled")


def rebuild(log: str) -> Sample:
    """Of a rebuild of the longest read table."""
    return peak(log, "rebuild", "order_timeline")


def peak(store: str, *arguments: str) -> Sample:
    """Megabytes that a command of the framework holds at its highest."""
    highest = 0.0
    with Shop(store).sagaline_started(*arguments) as process:
        for _ in range(int(LIMIT / LOOK)):
            highest = max(highest, sum(map(high_water, family(process.pid))))
            try:
                process.wait(LOOK)
                break
            except TimeoutExpired:
                continue
        check(process)
    return Sample(highest)
