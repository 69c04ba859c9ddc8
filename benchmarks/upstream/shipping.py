"""Shipping: hands orders to a carrier."""

from hashlib import sha256

from eventsourcing.dispatch import singledispatchmethod
from typing_extensions import override

from application.simulators.carrier import NOWHERE
from benchmarks.upstream.fulfilment import Fulfilment
from benchmarks.upstream.participant import Happened, Participant, Processing
from domain.shipment import Shipment


class Shipping(Participant):
    """Books one shipment for an order. The carrier answers at once and from memory."""

    hears = (Fulfilment.ShipmentWanted,)

    @override
    @singledispatchmethod
    def policy(self, domain_event: Happened, processing_event: Processing) -> None:
        """Books the parcel, if the carrier goes there."""

    @policy.register
    def _(self, event: Fulfilment.ShipmentWanted, processing_event: Processing) -> None:
        if event.ship_to.country == NOWHERE:
            shipment = Shipment.refuse(event.order_id, "undeliverable address")
        else:
            number = f"SL{int(sha256(event.order_id.bytes).hexdigest()[:16], 16):020d}"
            shipment = Shipment.book(event.order_id, number)
        processing_event.collect_events(shipment)
