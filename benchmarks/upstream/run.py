"""Runs the baseline: places orders, and waits for their ends."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.system import Runner
from sqlalchemy import Engine, create_engine, func, select

from application.commands import PlaceOrder
from benchmarks.upstream.fulfilments import Fulfilments
from benchmarks.upstream.inventory import Inventory
from benchmarks.upstream.orders import Orders
from benchmarks.upstream.system import system
from benchmarks.upstream.tuning import Tuning
from projections.tables import order_list
from sagaline.cli.gc_tuning import tune_garbage_collector

STALLED = 60.0
"""Seconds without another end after which a runner with threads has stalled."""

LOOK = 0.05
"""Seconds between two looks whether every order has ended: those runners do not say so."""


def run(store: str, tuning: Tuning, orders: Sequence[PlaceOrder], warm_up: int) -> dict[str, Any]:
    """Seconds that all but the first orders took, and how they ended."""
    env = {"PERSISTENCE_MODULE": "eventsourcing_sqlalchemy", "SQLALCHEMY_URL": store}
    runner: Runner[Any] = tuning.runner(system, {**env, **tuning.env})
    _receive_stock(runner, orders)
    tune_garbage_collector()
    view = create_engine(store)
    with runner:
        finish(runner, view, orders[:warm_up])
        before = _ends(view)
        started = time.perf_counter()
        finish(runner, view, orders[warm_up:])
        seconds = time.perf_counter() - started
    ends = _ends(view) - before
    view.dispose()
    return {"seconds": seconds, "ends": ends}


def _receive_stock(runner: Runner[Any], orders: Sequence[PlaceOrder]) -> None:
    """Takes in what all orders need, and has the saga pass it over at once."""
    needed: Counter[str] = Counter()
    for order in orders:
        needed.update({line.sku: line.quantity for line in order.lines})
    inventory = runner.get(Inventory)
    inventory.receive(needed)
    newest = inventory.recorder.max_notification_id()
    assert newest is not None
    runner.get(Fulfilments).recorder.insert_tracking(Tracking(inventory.name, newest))


def finish(runner: Runner[Any], view: Engine, orders: Sequence[PlaceOrder]) -> None:
    """Places orders and returns when all have ended. Raises TimeoutError where nothing moves."""
    wanted = _ends(view).total() + len(orders)
    for order in orders:
        runner.get(Orders).place(order)
    ended, moved = _ends(view).total(), time.monotonic()
    while ended < wanted:
        if time.monotonic() - moved > STALLED:
            raise TimeoutError(f"{ended} of {wanted} orders have ended, none for {STALLED:g} s")
        time.sleep(LOOK)
        before, ended = ended, _ends(view).total()
        if ended > before:
            moved = time.monotonic()


def _ends(view: Engine) -> Counter[str]:
    query = (
        select(order_list.c.status, func.count())
        .where(order_list.c.status != "placed")
        .group_by(order_list.c.status)
    )
    with view.connect() as connection:
        return Counter(dict(connection.execute(query).tuples().all()))
