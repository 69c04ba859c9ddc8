"""Runs Sagaline in this one process; prints what it came to, as JSON.

    python -m benchmarks.one_process orders STORE STOCK ORDERS WARM_UP
    python -m benchmarks.one_process work STORE STOCK ORDERS EVENTS
    python -m benchmarks.one_process rebuild STORE VIEW
    python -m benchmarks.one_process latency STORE COUNT
    python -m benchmarks.one_process log STORE EVENTS

`orders` brings bursts of orders to their ends (`benchmarks.one_process.bursts`), `work` so many of
them that the logs grow by EVENTS, `rebuild` builds a read table again, and `latency` times orders
one by one, in the processes of a deployed shop. `log` makes a store with so many events. STOCK and
ORDERS are files: JSON lines as `python -m application` reads them, bursts parted by empty lines.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from application.commands import PlaceOrder
from application.system import system
from benchmarks.one_process.bursts import (
    Meter,
    peak_megabytes,
    read_bursts,
    run_bursts,
    spare_collector,
)
from benchmarks.one_process.shop import Shop, placing
from sagaline import rebuild

PROTOCOL = 1
"""Says what is measured and how it is printed: two trees are compared only where it is the same."""

Told = dict[str, Any]


def orders(store: str, stock: str, file: str, warm_up: str) -> Told:
    """What a cold burst and a warm one took, and how all orders ended."""
    with Shop.open(store) as shop:
        before = _made_ready(shop, stock)
        meter = Meter(events=shop.events)
        told = run_bursts(_read(file), shop.finish, float(warm_up), meter)
        return {**told, "ends": _since(before, shop.ends())}


def work(store: str, stock: str, file: str, events: str) -> Told:
    """What it took to write so many events, and the most memory that this process had."""
    with Shop.open(store) as shop:
        before = _made_ready(shop, stock)
        goal, done = shop.events() + int(events), 0
        bursts = _read(file)

        def go_on() -> None:
            nonlocal done
            while shop.events() < goal:
                burst = next(bursts)
                shop.finish(burst)
                done += len(burst)

        told = Meter(events=shop.events).measure(go_on)
        ends = _since(before, shop.ends())
        return {**told, "orders": done, "ends": ends, "megabytes": peak_megabytes()}


def rebuild_view(store: str, view: str) -> Told:
    """What it took to build a read table again."""
    spare_collector()
    processor = time.process_time()
    (built,) = rebuild(system, {"SQLALCHEMY_URL": store}, [view])
    spent = time.process_time() - processor
    return {"events": built.events, "seconds": built.seconds, "processor": spent}


def latency(store: str, count: str) -> Told:
    """Milliseconds of each of some orders; the processor time is that of all processes together."""
    # Here, because an older tree has them too, while it may lack what they need by now.
    from benchmarks.basket import SEED
    from benchmarks.latency import completable, one_by_one

    before = getrusage(RUSAGE_CHILDREN)
    taken = one_by_one(store, completable(int(count), SEED + 1))
    after = getrusage(RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"ms": taken, "processor": spent}


def log(store: str, events: str) -> Told:
    """Makes a long log, with its read tables up to date."""
    from benchmarks.growth import make_long_log

    make_long_log(store, int(events))
    with Shop.open(store) as shop:
        shop.finish([])
        return {"events": shop.events()}


def _made_ready(shop: Shop, stock: str) -> dict[str, int]:
    """Returns how orders have ended before."""
    shop.receive(Path(stock))
    spare_collector()
    return shop.ends()


def _read(file: str) -> Iterator[Sequence[PlaceOrder]]:
    for lines in read_bursts(Path(file)):
        yield [placing(line) for line in lines]


def _since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {end: count - before.get(end, 0) for end, count in after.items()}


COMMANDS: dict[str, Callable[..., Told]] = {
    "orders": orders,
    "work": work,
    "rebuild": rebuild_view,
    "latency": latency,
    "log": log,
}


def main(command: str, *arguments: str) -> None:
    """Runs a command, prints its document."""
    print(json.dumps({"protocol": PROTOCOL, **COMMANDS[command](*arguments)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
