"""Rebuilds the baseline's read table the library's way: its follower pulls the whole log.

    python -m benchmarks.upstream.rebuild STORE ORDERS TUNING

Places the orders of a file and ends them, in one transaction, which does not count. Prints events,
seconds and processor time, as JSON.
"""

import json
import sys
import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

from application.commands import PlaceOrder
from benchmarks.one_process.bursts import Meter, spare_collector
from benchmarks.upstream.order_list import OrderList
from benchmarks.upstream.orders import Orders
from benchmarks.upstream.stores import store_at
from benchmarks.upstream.tuning import TUNINGS
from benchmarks.workload import read
from domain.order import Order


def main(store: str, file: str, name: str) -> None:
    """Prepares, measures, prints."""
    warnings.simplefilter("ignore", SAWarning)
    tuning = TUNINGS[name]
    env = {**store_at(store, native=tuning.native).env, **tuning.env}
    orders = Orders(env)
    with Path(file).open("rb") as lines:
        orders.save(*(_ended(each) for each in read(lines)))
    view = OrderList(env)
    view.follow(orders.name, orders.notification_log)
    spare_collector()
    told = Meter().measure(lambda: view.pull_and_process(orders.name))
    print(json.dumps({**told, "events": orders.recorder.max_notification_id()}))
    view.close()
    orders.close()


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
