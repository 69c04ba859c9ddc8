"""Runs the baseline: places orders, and waits for their ends."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.system import Runner
from sqlalchemy import Engine, create_engine, func, select

from application.commands import PlaceOrder
from benchmarks.one_process.bursts import Meter, run_bursts, spare_collector
from benchmarks.upstream.fulfilments import Fulfilments
from benchmarks.upstream.inventory import Inventory
from benchmarks.upstream.orders import Orders
from benchmarks.upstream.stores import Store
from benchmarks.upstream.system import system
from benchmarks.upstream.tuning import Tuning
from projections.tables import order_list

STALLED = 60.0
"""Seconds without another end after which a runner with threads has stalled."""

LOOK = 0.05
"""Seconds between two looks whether every order has ended: those runners do not say so."""


def run(
    store: Store, tuning: Tuning, bursts: Sequence[Sequence[PlaceOrder]], warm_up: float
) -> dict[str, Any]:
    """What a cold burst and a warm one took, and how the orders of all bursts ended."""
    runner: Runner[Any] = tuning.runner(system, {**store.env, **tuning.env})
    _receive_stock(runner, [each for burst in bursts for each in burst])
    spare_collector()
    view = create_engine(store.view)
    with runner:
        told = run_bursts(bursts, lambda orders: finish(runner, view, orders), warm_up, Meter())
    ends = _ends(view)
    view.dispose()
    return {**told, "ends": ends}


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
