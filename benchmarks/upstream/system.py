"""The baseline's wiring: who follows whom."""

from eventsourcing.system import System

from benchmarks.upstream.fulfilments import Fulfilments
from benchmarks.upstream.inventory import Inventory
from benchmarks.upstream.order_list import OrderList
from benchmarks.upstream.orders import Orders
from benchmarks.upstream.payments import Payments
from benchmarks.upstream.shipping import Shipping

system = System(
    pipes=[
        [Orders, Fulfilments, Orders],
        [Fulfilments, Inventory, Fulfilments],
        [Fulfilments, Payments, Fulfilments],
        [Fulfilments, Shipping, Fulfilments],
        [Orders, OrderList],
    ]
)
