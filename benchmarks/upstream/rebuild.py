"""Rebuilds the baseline's read table the library's way: its follower pulls the whole log.

    python -m benchmarks.upstream.rebuild STORE ORDERS

Places the orders of a file and ends them, in one transaction, which does not count. Prints events
and seconds, as JSON.
"""

import json
import sys
import time
import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

from application.commands import PlaceOrder
from benchmarks.upstream.order_list import OrderList
from benchmarks.upstream.orders import Orders
from benchmarks.upstream.tuning import PUSHED
from benchmarks.workload import read
from domain.order import Order
from sagaline.cli.gc_tuning import tune_garbage_collector


def main(store: str, file: str) -> None:
    """Prepares, measures, prints."""
    warnings.simplefilter("ignore", SAWarning)
    env = {"PERSISTENCE_MODULE": "eventsourcing_sqlalchemy", "SQLALCHEMY_URL": store, **PUSHED.env}
    orders = Orders(env)
    with Path(file).open("rb") as lines:
        orders.save(*(_ended(each) for each in read(lines)))
    view = OrderList(env)
    view.follow(orders.name, orders.notification_log)
    tune_garbage_collector()
    started = time.perf_counter()
    view.pull_and_process(orders.name)
    seconds = time.perf_counter() - started
    events = orders.recorder.max_notification_id()
    print(json.dumps({"events": events, "seconds": seconds}))


def _ended(order: PlaceOrder) -> Order:
    ended = Order(
        id=order.order_id,
        customer_id=order.customer_id,
        lines=order.lines,
        payment_method=order.payment_method,
        ship_to=order.ship_to,
    )
    ended.complete()
    return ended


main(*sys.argv[1:])
