"""The shipment of one order."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from typing import Self
from uuid import UUID

from eventsourcing.domain import Aggregate
from typing_extensions import override

from domain.ids import id_beside
from domain.names import REMEMBERED_IDS


class Status(StrEnum):
    """The status of a shipment."""

    BOOKED = "booked"
    REFUSED = "refused"


class Shipment(Aggregate):
    """The carrier's answer to one order: booked, or refused.

    Each order has one, with the id `Shipment.id_of(order_id)`.
    """

    order_id: UUID
    tracking_number: str = field(init=False, default="")
    reason: str = field(init=False, default="")
    status: Status = field(init=False)

    class Booked(Aggregate.Created):
        """The carrier accepted the shipment."""

        order_id: UUID
        tracking_number: str

        @override
        def apply(self, shipment: Shipment) -> None:
            shipment.tracking_number = self.tracking_number
            shipment.status = Status.BOOKED

    class Refused(Aggregate.Created):
        """The carrier refused the shipment."""

        order_id: UUID
        reason: str

        @override
        def apply(self, shipment: Shipment) -> None:
            shipment.reason = self.reason
            shipment.status = Status.REFUSED

    @staticmethod
    @override
    @lru_cache(REMEMBERED_IDS)
    def create_id(order_id: UUID) -> UUID:
        """The id of the shipment of this order."""
        return id_beside(order_id, "shipment")

    id_of = create_id

    @classmethod
    def book(cls, order_id: UUID, tracking_number: str) -> Self:
        """Creates a booked shipment."""
        return cls._create(cls.Booked, order_id=order_id, tracking_number=tracking_number)

    @classmethod
    def refuse(cls, order_id: UUID, reason: str) -> Self:
        """Creates a refused shipment."""
        return cls._create(cls.Refused, order_id=order_id, reason=reason)


ShipmentBooked = Shipment.Booked
ShipmentRefused = Shipment.Refused
