"""The shop, with a gateway that takes long for one order in a hundred."""

import os
import threading
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from eventsourcing.utils import EnvType
from typing_extensions import override

from application.inventory import Inventory
from application.orders import Orders
from application.payments import Payments
from application.ports import Capture, CaptureAnswer
from application.settings import Settings
from application.shipping import Shipping
from application.simulators.gateway import SimulatedGateway
from application.system import timings
from domain.payment import Payment
from projections import READ_MODELS
from sagaline import System
from sagas.order_fulfilment import OrderFulfilment

SLOW_CALL: Final = float(os.environ.get("SAGALINE_TEST_SLOW_CALL", "2"))
"""Seconds of a slow call."""

ONE_IN: Final = 100
"""How many orders there are for each that meets a slow call."""


class SlowGateway(SimulatedGateway):
    """Captures as the simulated one does, but takes long."""

    @override
    def capture_all(self, captures: Sequence[Capture]) -> list[CaptureAnswer]:
        if any(UUID(each.key).int % ONE_IN == 0 for each in captures):
            threading.Event().wait(SLOW_CALL)
        return super().capture_all(captures)


class SlowPayments(Payments, aggregates=[Payment], name="Payments"):
    """Asks the slow gateway."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        store, timeout = self.datastore, Settings().payment_timeout
        self.gateway = SlowGateway(store.url, timeout, lambda: self.now(), store.schema)


system = System(
    "shop",
    applications=[Orders, Inventory, SlowPayments, Shipping],
    sagas=[OrderFulfilment],
    read_models=READ_MODELS,
    timings={OrderFulfilment: timings(Settings())},
    unlocked=[OrderFulfilment],
)
