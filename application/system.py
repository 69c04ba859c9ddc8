"""The shop by orchestration: its applications, its saga and its read models."""

from datetime import timedelta

from application.inventory import Inventory
from application.orders import Orders
from application.payments import Payments
from application.settings import Settings
from application.shipping import Shipping
from projections import READ_MODELS
from sagaline import Retry, System, Timing
from sagas.order_fulfilment import OrderFulfilment

APPLICATIONS = (Orders, Inventory, Payments, Shipping)


def timings(settings: Settings) -> dict[str, Timing]:
    """The timeouts and retries of the steps, from the settings.

    A customer learns soon that the payment failed; no other step gives up for minutes.
    """
    first = timedelta(seconds=settings.retry_base)
    patient = Retry(attempts=10, first=first)
    steps = {name: Timing(retry=patient) for name in OrderFulfilment.steps}
    return steps | {
        "reserve_stock": Timing(timedelta(seconds=settings.stock_timeout), patient),
        "take_payment": Timing(timedelta(seconds=settings.payment_timeout), Retry(3, first=first)),
    }


system = System(
    "shop",
    applications=APPLICATIONS,
    sagas=[OrderFulfilment],
    read_models=READ_MODELS,
    timings={OrderFulfilment: timings(Settings())},
    unlocked=() if Settings().one_order_per_customer else [OrderFulfilment],
)
