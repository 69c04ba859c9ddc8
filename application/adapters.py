"""Which adapters the ports have. To use a real gateway or carrier, return it here.

Only the simulated ones open the outside store (`shop.outside.db`), when they are first called.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from application.ports import Carrier, PaymentGateway
from application.settings import Settings
from application.simulators import capture_record
from application.simulators.carrier import SimulatedCarrier
from application.simulators.gateway import SimulatedGateway
from sagaline.storage import Datastore

PAYMENT_METHODS: Final = capture_record.METHODS
"""The payment methods that an order may name."""


def payment_gateway(store: Datastore, clock: Callable[[], datetime]) -> PaymentGateway:
    """The gateway of Payments, whose log is in `store`; `clock` is that of Payments."""
    return SimulatedGateway(store.url, Settings().payment_timeout, clock, store.schema)


def carrier(store: Datastore) -> Carrier:
    """The carrier of Shipping, whose log is in `store`."""
    return SimulatedCarrier(store.url, store.schema)
