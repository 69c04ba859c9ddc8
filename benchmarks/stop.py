"""How long a command takes to end after SIGTERM: the longest of many stops, on both stores.

    python -m benchmarks.stop [STOPS]

The same figures, of so many stops on each store. Each stop comes at a random moment: under load and
behind a backlog, after SIGSTOP and SIGCONT, while another program holds the lock of the store, in a
rebuild, and while a port hangs, as a `def` and as an `async def`. Every one must end with status 0;
in the end all orders and sagas must have ended as they should, so that nothing is lost or doubled.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import IO, cast

from sqlalchemy import create_engine

from benchmarks.figure import Asked, Figure
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.pairs import say
from benchmarks.process import HOUSE, LIMIT, Process, environment
from benchmarks.sample import Sample
from benchmarks.sizes import FULL
from benchmarks.stopped import ARRIVING, ONE_IN, HangingPort, Orders, Work

ASKED = Asked("value <= 3")
ALL = Asked("value >= 100")

MOMENTS = 1.5
"""Seconds after the start within which a stop comes."""

PAUSE = 0.3
"""Seconds between SIGSTOP and SIGCONT, and between locking the store and the stop."""

LOCKS = {SQLITE: "BEGIN EXCLUSIVE", POSTGRESQL: "BEGIN; LOCK TABLE positions, followers"}
"""What another program does that then holds up every worker."""

LOGGED_REBUILD = ("--log-level", "info", "rebuild")

Stop = Callable[[Process], float]
"""Stops a process; returns the seconds that it took."""


@dataclass
class Situation:
    """Stops of one kind: what is running, and how it is stopped."""

    name: str
    work: Work
    stop: Stop
    command: Sequence[str] = ("run",)
    ready: str = "leads"
    """What it says when it has opened its store."""
    seconds: list[float] = field(default_factory=list)
    """How long each stop took."""


def worst(laboratory: Laboratory) -> Iterator[Figure]:
    """The longest stop on each store, and how many ended with status 0."""
    for kind in (SQLITE, POSTGRESQL):
        statuses: Counter[int] = Counter()
        with _situations(laboratory, kind) as situations:
            _stop_often(situations, laboratory.sizes.stops, statuses)
            for work in {id(each.work): each.work for each in situations}.values():
                work.check()
        longest = {each.name: max(each.seconds, default=0.0) for each in situations}
        notes = [f"{name}: {seconds:.2f} s" for name, seconds in longest.items()]
        yield Figure(f"stop/worst/{kind}", "s", [Sample(max(longest.values()))], ASKED, notes=notes)
        well = Sample(100 * statuses[0] / statuses.total())
        notes = [f"status {status}: {count} stops" for status, count in statuses.items()]
        yield Figure(f"stop/ended_well/{kind}", "%", [well], ALL, notes=notes)


@contextmanager
def _situations(laboratory: Laboratory, kind: str) -> Iterator[Sequence[Situation]]:
    sizes = laboratory.sizes
    with ExitStack() as stack:
        stores = [stack.enter_context(laboratory.store(kind)) for _ in range(3)]
        arriving = sizes.stops * ARRIVING
        orders = stack.enter_context(Orders.at(stores[0], sizes.stop_orders, arriving))
        threads = stack.enter_context(HangingPort.at(stores[1], "threaded"))
        coroutines = stack.enter_context(HangingPort.at(stores[2], "asynchronous"))
        yield [
            Situation("under load", orders, _at_once),
            Situation("a port that hangs", threads, _at_once),
            Situation("a coroutine that hangs", coroutines, _at_once),
            Situation("a rebuild", orders, _at_once, LOGGED_REBUILD, "Rebuilds"),
            Situation("after a pause", orders, _after_a_pause),
            Situation("a locked store", orders, _while_locked(kind, stores[0])),
            Situation("a port that hangs, after a pause", threads, _after_a_pause),
            Situation("a port that hangs, a locked store", threads, _while_locked(kind, stores[1])),
        ]


def _stop_often(situations: Sequence[Situation], stops: int, statuses: Counter[int]) -> None:
    """Stop so many times, in each situation in turn; count the exit statuses."""
    random = Random(1)
    for number in range(stops):
        situation = situations[number % len(situations)]
        situation.work.arrive()
        with _running(situation) as process:
            time.sleep(random.random() * MOMENTS)
            situation.seconds.append(situation.stop(process))
        statuses[process.returncode] += 1
        if process.returncode != 0:
            say(f"  status {process.returncode}: {situation.name}")
    say(
        f"  {', '.join(f'{each.name} {max(each.seconds, default=0):.2f} s' for each in situations)}"
    )


@contextmanager
def _running(situation: Situation) -> Iterator[Process]:
    """A process that has opened its store."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sagaline", *situation.work.options, *situation.command],
        cwd=HOUSE,
        env={**environment(), "HANGING": str(ONE_IN)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = cast("IO[str]", process.stderr)
        while situation.ready not in lines.readline() and process.poll() is None:
            pass
        yield process
    finally:
        process.kill()
        process.communicate()


def _at_once(process: Process) -> float:
    started = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.wait(LIMIT)
    return time.perf_counter() - started


def _after_a_pause(process: Process) -> float:
    process.send_signal(signal.SIGSTOP)
    time.sleep(PAUSE)
    process.send_signal(signal.SIGCONT)
    return _at_once(process)


def _while_locked(kind: str, store: str) -> Stop:
    def stop(process: Process) -> float:
        engine = create_engine(store, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(LOCKS[kind])
            time.sleep(PAUSE)
            seconds = _at_once(process)
            connection.exec_driver_sql("ROLLBACK")
        engine.dispose()
        return seconds

    return stop


def main(stops: str = str(FULL.stops)) -> None:
    """Prints the figures of so many stops on each store."""
    with Laboratory(replace(FULL, stops=int(stops))) as laboratory:
        print(json.dumps([each.document() for each in worst(laboratory)], indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
