"""The restaurant: four contexts, and the three sagas of an order."""

from sagaline import System
from tests.systems.restaurant.accounting import Accounting
from tests.systems.restaurant.delivery import Deliveries
from tests.systems.restaurant.kitchen import Kitchen
from tests.systems.restaurant.orders import Orders
from tests.systems.restaurant.sagas import CancelOrder, CreateOrder, ReviseOrder

system = System(
    "restaurant",
    applications=[Orders, Kitchen, Accounting, Deliveries],
    sagas=[CreateOrder, ReviseOrder, CancelOrder],
)
