"""How long `sagaline run` takes to end after SIGTERM: the longest of many stops, on both stores.

Each stop comes at a random moment: under load and behind a backlog, after SIGSTOP and SIGCONT, and
while another program holds the lock of the store. Every one must end with status 0; in the end all
orders must have ended as they should, so that no stop has lost or doubled anything.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import IO, cast

from sqlalchemy import create_engine

from benchmarks.figure import Asked, Figure
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.pairs import say
from benchmarks.process import HOUSE, LIMIT, Process, check, environment
from benchmarks.sample import Sample
from benchmarks.shop import Shop
from benchmarks.watcher import Watcher
from benchmarks.workload import Workload, check_ends

UNIT = "s"
ASKED = Asked("value <= 3")

MOMENTS = 1.5
"""Seconds after the start within which a stop comes."""

PAUSE = 0.3
"""Seconds between SIGSTOP and SIGCONT, and between locking the store and the stop."""

LOCKS = {SQLITE: "BEGIN EXCLUSIVE", POSTGRESQL: "BEGIN; LOCK TABLE positions, followers"}
"""What another program does that then holds up every worker."""

Stop = Callable[[Process, str], float]


def worst(laboratory: Laboratory) -> Iterator[Figure]:
    """The longest stop on each store."""
    for kind in (SQLITE, POSTGRESQL):
        longest = _longest(laboratory, kind)
        notes = [f"{name}: {seconds:.2f} s" for name, seconds in longest.items()]
        found = [Sample(max(longest.values()))]
        yield Figure(f"stop/worst/{kind}", UNIT, found, ASKED, notes=notes)


def _longest(laboratory: Laboratory, kind: str) -> Mapping[str, float]:
    """The longest stop in each situation."""
    sizes, random = laboratory.sizes, Random(1)
    stops: Mapping[str, Stop] = {
        "under load": _at_once,
        "after a pause": _after_a_pause,
        "a locked store": _while_locked(kind),
    }
    longest = dict.fromkeys(stops, 0.0)
    orders = Workload.made_up(sizes.stop_orders)
    with laboratory.store(kind) as store:
        shop = Shop(store)
        shop.receive(orders.stock)
        shop.place(orders.orders)
        for number in range(sizes.stops):
            name = [*stops][number % len(stops)]
            with _running(shop) as worker:
                time.sleep(random.random() * MOMENTS)
                longest[name] = max(longest[name], stops[name](worker, store))
            check(worker)
        say(f"  {kind}: {', '.join(f'{name} {longest[name]:.2f} s' for name in longest)}")
        _check_nothing_lost(shop, orders)
    return longest


@contextmanager
def _running(shop: Shop) -> Iterator[Process]:
    """A worker that has opened its store."""
    command = [sys.executable, "-m", "sagaline", *shop.system, "run"]
    process = subprocess.Popen(
        command, cwd=HOUSE, env=environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        lines = cast("IO[str]", process.stderr)
        while "leads" not in lines.readline() and process.poll() is None:
            pass
        yield process
    finally:
        process.kill()
        process.communicate()


def _at_once(worker: Process, _: str) -> float:
    started = time.perf_counter()
    worker.send_signal(signal.SIGTERM)
    worker.wait(LIMIT)
    return time.perf_counter() - started


def _after_a_pause(worker: Process, store: str) -> float:
    worker.send_signal(signal.SIGSTOP)
    time.sleep(PAUSE)
    worker.send_signal(signal.SIGCONT)
    return _at_once(worker, store)


def _while_locked(kind: str) -> Stop:
    def stop(worker: Process, store: str) -> float:
        engine = create_engine(store, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(LOCKS[kind])
            time.sleep(PAUSE)
            seconds = _at_once(worker, store)
            connection.exec_driver_sql("ROLLBACK")
        engine.dispose()
        return seconds

    return stop


def _check_nothing_lost(shop: Shop, orders: Workload) -> None:
    shop.settle()
    with Watcher.on(shop.store) as watcher:
        check_ends({}, watcher.ends, orders.orders)
