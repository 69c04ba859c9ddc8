"""A shipment is booked or refused."""

from uuid import UUID

from domain.shipment import Shipment, ShipmentBooked, ShipmentRefused, Status
from sagaline.testing import given

ORDER = UUID("11111111-1111-4111-8111-111111111111")


def test_a_shipment_is_booked() -> None:
    (
        given(Shipment)
        .when(Shipment.book, ORDER, "1Z-1")
        .then(
            ShipmentBooked,
            order_id=ORDER,
            tracking_number="1Z-1",
            originator_id=Shipment.id_of(ORDER),
        )
        .with_state(status=Status.BOOKED, tracking_number="1Z-1")
    )


def test_an_undeliverable_shipment_is_refused() -> None:
    (
        given(Shipment)
        .when(Shipment.refuse, ORDER, "undeliverable")
        .then(ShipmentRefused, order_id=ORDER, reason="undeliverable")
        .with_state(status=Status.REFUSED, reason="undeliverable")
    )
