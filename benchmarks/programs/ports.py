"""Sagas of one step whose port takes its time, in one process with its runner.

    python -m benchmarks.programs.ports STORE KIND SAGAS SECONDS SLOW_SHARE RATE

KIND is `def` or `async`. So many sagas are started, RATE a second, or all at once for 0; the port
takes SECONDS, and 8 s for one saga in so many as SLOW_SHARE says, 0 for none. Prints the
seconds that it took, the processor time, the peak of memory in megabytes, the most threads, and
the milliseconds of each quick saga, as JSON.
"""

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate, event
from sqlalchemy import select

from sagaline import PIVOT, Application, Command, Runner, Saga, System, handles, step
from sagaline.system.saga_list import saga_list

BURST = 500
"""Sagas that one transaction starts."""

TICK = 0.005
"""Seconds between two bursts, where a rate is given."""


class Trip(Aggregate):
    """What starts a saga."""

    class Opened(Aggregate.Created):
        """It was opened."""

    @event(Opened)
    def __init__(self, id: UUID) -> None: ...


class Charge(Aggregate):
    """What the step of a saga makes."""

    class Taken(Aggregate.Created):
        """The money was taken."""

        trip: UUID

    @event(Taken)
    def __init__(self, trip: UUID) -> None: ...


class OpenTrip(Command, key="trip"):
    """Starts a saga."""

    trip: UUID


class Pay(Command, key="trip"):
    """Asks the port."""

    trip: UUID


class Trips(Application, aggregates=[Trip]):
    """Where sagas start."""

    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> Trip:
        """Starts one."""
        return Trip(command.trip)


class Port:
    """How long a port takes."""

    seconds = 0.0
    slow = 8.0
    slow_share = 0

    def seconds_of(self, trip: UUID) -> float:
        """Of one call."""
        is_slow = self.slow_share and trip.int % self.slow_share == 0
        return self.slow if is_slow else self.seconds


port = Port()


class Threaded(Application, aggregates=[Charge], name="Payments"):
    """Asks a port that blocks a thread."""

    @handles(Pay)
    def pay(self, command: Pay, answer: str) -> Charge:
        """Records the answer."""
        return Charge(command.trip)

    @pay.asks
    def ask(self, command: Pay) -> str:
        """Waits."""
        threading.Event().wait(port.seconds_of(command.trip))
        return "paid"


class Asynchronous(Application, aggregates=[Charge], name="Payments"):
    """Asks a port of an event loop."""

    @handles(Pay)
    def pay(self, command: Pay, answer: str) -> Charge:
        """Records the answer."""
        return Charge(command.trip)

    @pay.asks(concurrency=1_000)
    async def ask(self, command: Pay) -> str:
        """Waits."""
        await asyncio.sleep(port.seconds_of(command.trip))
        return "paid"


class BookTrip(Saga, starts_on=Trip.Opened, key=lambda opened: opened.originator_id):
    """One step."""

    pay = step(Pay, done=Charge.Taken, kind=PIVOT)


PAYMENTS = {"def": Threaded, "async": Asynchronous}


def main(store: str, kind: str, sagas: int, rate: float) -> dict[str, Any]:
    """Starts the sagas, and waits for their ends."""
    system = System("ports", applications=[Trips, PAYMENTS[kind]], sagas=[BookTrip])
    with Runner(system, {"SQLALCHEMY_URL": store}) as runner:
        started, spent = time.perf_counter(), time.process_time()
        for trips in _bursts(sagas, rate):
            runner.get(Trips).execute([OpenTrip(trip=each) for each in trips])
        runner.settle(600)
        seconds, threads = time.perf_counter() - started, threading.active_count()
        spent = time.process_time() - spent
        taken = list(_milliseconds(runner))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"seconds": seconds, "processor": spent, "megabytes": peak, "threads": threads}
    return {**told, "ms": taken}


def _bursts(sagas: int, rate: float) -> Iterator[list[UUID]]:
    ids = [UUID(int=each) for each in range(1, sagas + 1)]
    started, done = time.perf_counter(), 0
    while done < sagas:
        due = int((time.perf_counter() - started) * rate) - done if rate else BURST
        if due <= 0:
            time.sleep(TICK)
            continue
        yield ids[done : done + min(due, BURST)]
        done += min(due, BURST)


def _milliseconds(runner: Runner) -> Iterator[float]:
    """Of each saga that met no slow call, from its start to its end."""
    columns = saga_list.c.key, saga_list.c.state, saga_list.c.started_at, saga_list.c.ended_at
    with runner.views.read() as connection:
        for key, state, started, ended in connection.execute(select(*columns)):
            assert state == "completed", state
            if port.seconds_of(UUID(key)) != port.slow:
                yield 1_000 * (ended - started).total_seconds()


if __name__ == "__main__":
    store, kind, sagas, seconds, slow_share, rate = sys.argv[1:]
    port.seconds, port.slow_share = float(seconds), int(slow_share)
    print(json.dumps(main(store, kind, int(sagas), float(rate))))
