"""Orders for the shop, by names that say what becomes of them, and ports that fail for some."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from application.commands import BookShipment, PlaceOrder
from application.payments import Payments
from application.ports import Booking, BookingAnswer, PortFault
from application.shipping import Shipping
from application.simulators.gateway import SimulatedGateway
from domain.money import Money
from domain.order import OrderLine, ShipTo
from sagaline import Runner
from sagaline.application.declaration import declaration_of

SHOP = UUID("5f0b0f3e-0000-4000-8000-000000000000")
NOWHERE = "ZZ"


def order_id(name: str) -> UUID:
    return uuid5(SHOP, name)


def order(name: str, method: str = "pm_card_visa", country: str = "US") -> PlaceOrder:
    price = Money(amount=Decimal("9.99"), currency="USD")
    return PlaceOrder(
        order_id=order_id(name),
        customer_id="900",
        lines=(OrderLine(sku="A1", quantity=1, unit_price=price),),
        payment_method=method,
        ship_to=ShipTo(country=country, postcode="45202"),
    )


def allow_refund(payments: Payments, name: str) -> None:
    """The gateway grants the refund of an order from now on."""
    assert isinstance(payments.gateway, SimulatedGateway)
    payments.gateway.allow_refunds(order_id(name))


class AbsentCarrier:
    """A carrier that does not answer for some orders."""

    def __init__(self, carrier: Any, names: Collection[str]) -> None:
        self._carrier = carrier
        self._absent = {order_id(each) for each in names}

    def book_all(self, bookings: Sequence[Booking]) -> Sequence[BookingAnswer]:
        return [
            PortFault("the carrier is away")
            if each.order_id in self._absent
            else self._carrier.book_all([each])[0]
            for each in bookings
        ]


@contextmanager
def without_carrier(runner: Runner, *names: str) -> Iterator[None]:
    """The carrier does not answer for these orders meanwhile."""
    for app in runner.apps.values():
        if isinstance(app, Shipping):
            carrier: Any = app.carrier
            app.carrier = AbsentCarrier(carrier, names)  # type: ignore[assignment]
            yield
            app.carrier = carrier


@contextmanager
def with_bug(shipping: type[Shipping], *names: str) -> Iterator[None]:
    """The code of Shipping fails for these orders meanwhile."""
    handler = declaration_of(type(shipping)).handlers[BookShipment]
    function = handler.function

    def book(app: Any, command: BookShipment, answer: Any) -> Any:
        if command.order_id in [order_id(each) for each in names]:
            raise ValueError("a bug that few orders meet")
        return function(app, command, answer)

    handler.function = book
    try:
        yield
    finally:
        handler.function = function
