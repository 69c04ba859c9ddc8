"""The shop as one runs it: orders come in through one process, others lead the followers."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

from sqlalchemy import func, select

from application.system import system
from benchmarks.baskets import Basket, json_lines
from benchmarks.workload import Workload, lines_of
from projections.tables import order_list
from sagaline import Runner

HOUSE = Path(__file__).parents[1]
LIMIT = 600.0
"""Seconds after which something must be wrong."""

LOOK = 0.005
"""Seconds between two looks whether everything is done."""

Process = subprocess.Popen[str]


class WentWrong(Exception):
    """A process of the shop did not do what it should."""


class Shop:
    """The shop on one store, in processes of its own."""

    def __init__(self, store: str) -> None:
        self.store = store

    def receive(self, stock: Mapping[str, int]) -> None:
        """Takes pieces into stock."""
        lines = json_lines({"sku": sku, "quantity": count} for sku, count in stock.items())
        with self.process("application", "stock", "-") as process:
            process.communicate("".join(lines), timeout=LIMIT)
            self._check(process)

    def settle(self) -> None:
        """Does all that there is to do, and returns."""
        with self.process("sagaline", "run", "--until-settled") as process:
            process.communicate(timeout=LIMIT)
            self._check(process)

    def place(self, baskets: Sequence[Basket]) -> None:
        """Places orders; they are on disk when it returns."""
        with self.process("application", "place", "-") as process:
            process.communicate(lines_of(baskets), timeout=LIMIT)
            self._check(process)

    @contextmanager
    def led(self, workers: int = 1) -> Iterator[list[Process]]:
        """While so many `sagaline run` lead the shop's followers."""
        with ExitStack() as started:
            processes = [
                started.enter_context(self.process("sagaline", "run")) for _ in range(workers)
            ]
            yield processes

    @contextmanager
    def process(self, module: str, *arguments: str) -> Iterator[Process]:
        """A command of the shop or of the framework, which has this store."""
        app = ["--app", "application.system:system"] if module == "sagaline" else []
        command = [sys.executable, "-m", module, *app, "--store", self.store, *arguments]
        with TemporaryFile("w+") as said:
            process = subprocess.Popen(
                command,
                cwd=HOUSE,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
            try:
                yield process
            except BaseException as error:
                said.seek(0)
                error.add_note(f"{module} {' '.join(arguments)} said:\n{said.read()}")
                raise
            finally:
                process.kill()
                process.communicate()

    def _check(self, process: Process) -> None:
        if process.returncode != 0:
            raise WentWrong(f"{process.args!r} ended with {process.returncode}")


class Counter:
    """Where orders are handed in: a `python -m application place -` that waits for lines."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def hand_in(self, baskets: Sequence[Basket]) -> None:
        """Places orders; returns when each of them is on disk."""
        # By a thread, because the answers come while there are still orders to hand in.
        writer = threading.Thread(target=self._write, args=(lines_of(baskets),))
        writer.start()
        for _ in baskets:
            answer = json.loads(cast("IO[str]", self._process.stdout).readline() or "{}")
            if answer.get("status") != "placed":
                raise WentWrong(f"An order was not placed: {answer}")
        writer.join()

    def _write(self, lines: str) -> None:
        stream = cast("IO[str]", self._process.stdin)
        stream.write(lines)
        stream.flush()


class Watcher:
    """Says when a store is settled, by a runner that leads nothing."""

    def __init__(self, store: str) -> None:
        self._runner = Runner(system, {"SQLALCHEMY_URL": store})

    def wait(self, processes: Sequence[Process]) -> None:
        """Returns when all orders and all read tables are done."""
        deadline = time.monotonic() + LIMIT
        while not self._runner.settled():
            if time.monotonic() > deadline:
                raise WentWrong(f"Not settled after {LIMIT:g} s")
            if any(each.poll() is not None for each in processes):
                raise WentWrong("A worker ended before its work did")
            time.sleep(LOOK)

    def ends(self) -> dict[str, int]:
        """How many orders ended how, as the read table has it."""
        query = select(order_list.c.status, func.count()).group_by(order_list.c.status)
        with self._runner.views.read() as connection:
            return dict(connection.execute(query).tuples().all())

    def close(self) -> None:
        """Lets the store go."""
        self._runner.stop()


def seconds_to_the_end(store: str, workload: Workload, workers: int = 1) -> float:
    """From the first order handed in until every order and every read table is done.

    On a new store, with everything that takes part already running and warm.
    """
    shop = Shop(store)
    shop.receive(workload.stock)
    shop.settle()
    watcher = Watcher(store)
    try:
        with shop.led(workers) as led, shop.process("application", "place", "-") as place:
            counter = Counter(place)
            counter.hand_in(workload.warm_up)
            watcher.wait(led)
            before = watcher.ends()
            started = time.perf_counter()
            counter.hand_in(workload.orders)
            watcher.wait(led)
            seconds = time.perf_counter() - started
        check_ends(before, watcher.ends(), workload)
    finally:
        watcher.close()
    return seconds


def check_ends(before: Mapping[str, int], after: Mapping[str, int], workload: Workload) -> None:
    """Raises WentWrong where some order did not end as its card and its address say."""
    done = {each: after.get(each, 0) - before.get(each, 0) for each in {*before, *after}}
    completed = workload.completed
    wanted = {"completed": completed, "cancelled": len(workload.orders) - completed}
    if {end: count for end, count in done.items() if count} != {
        end: count for end, count in wanted.items() if count
    }:
        raise WentWrong(f"The orders ended as {done}, not as {wanted}")


def environment() -> dict[str, str]:
    """This environment without what would decide in place of an option."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SAGALINE_", "SHOP_")) and not name.endswith("SQLALCHEMY_URL")
    }
    return {**own, "PYTHONPATH": str(HOUSE)}
