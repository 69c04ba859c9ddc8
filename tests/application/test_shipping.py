"""A shipment is booked once, or refused."""

from collections.abc import Iterator, Sequence

import pytest

from application.commands import BookShipment
from application.ports import Booking, BookingAnswer, PortFault
from application.shipping import Shipping
from domain.order import ShipTo
from domain.payment import Payment
from sagaline.messaging.faults import CommandFaulted
from tests.application.participants import ORDER, OTHER, SHIP_TO, AtWork, at_work, names


@pytest.fixture
def shipping(sqlite_store: str) -> Iterator[AtWork[Shipping]]:
    with at_work(Shipping, sqlite_store) as working:
        yield working


def book(country: str = "US", order_id: object = ORDER) -> BookShipment:
    to = SHIP_TO if country == "US" else ShipTo(country=country, postcode="0")
    return BookShipment.model_validate(
        {"order_id": order_id, "payment_id": Payment.id_of(ORDER), "ship_to": to}
    )


def test_a_shipment_is_booked_with_a_tracking_number(shipping: AtWork[Shipping]) -> None:
    booked, refused = shipping.told(book(), book("ZZ", OTHER))
    assert names([booked, refused]) == ["Shipment.Booked", "Shipment.Refused"]
    assert booked.tracking_number.startswith("SL")
    assert (refused.order_id, refused.reason) == (OTHER, "undeliverable address")


@pytest.mark.parametrize("country", ["US", "ZZ"])
def test_a_repeated_command_has_no_second_effect(shipping: AtWork[Shipping], country: str) -> None:
    assert len(shipping.told(book(country), book(country))) == 1
    assert shipping.told(book(country), attempt=2) == []


class SilentCarrier:
    """A carrier that never answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def book_all(self, bookings: Sequence[Booking]) -> Sequence[BookingAnswer]:
        self.asked += [each.key for each in bookings]
        raise PortFault("the line is dead")

    def close(self) -> None: ...


def test_a_carrier_without_an_answer_is_a_fault_and_no_refusal(sqlite_store: str) -> None:
    carrier = SilentCarrier()
    with at_work(Shipping, sqlite_store, carrier=carrier) as shipping:
        command = book()
        (first,) = shipping.told(command)
        (second,) = shipping.told(command, attempt=2)
        assert isinstance(first, CommandFaulted)
        assert (first.command_id, first.command, first.attempt) == (command.id, "BookShipment", 1)
        assert "the line is dead" in first.reason
        assert second.attempt == 2
        assert len(set(carrier.asked)) == 1, "with the same key"
        assert shipping.due() is None, "only the saga tries again"
