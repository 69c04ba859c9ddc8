"""A carrier to try the shop with: it goes everywhere but to the country ``ZZ``."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Column, Connection, MetaData, Table, Text, bindparam, select
from typing_extensions import override

from application.ports import Booked, Booking, BookingAnswer, PortFault, Undeliverable
from application.simulators.outside import Desk, Question
from application.simulators.outside_database import add
from domain.order import ShipTo

NOWHERE: Final = "ZZ"
ANOTHER: Final = "the key was used before, for another shipment"

shipments = Table(
    "outside_shipments",
    MetaData(),
    Column("key", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("tracking_number", Text),
)
"""One row for each booking key; what could not be delivered has no tracking number."""

_READ = select(shipments).where(shipments.c.key.in_(bindparam("keys", expanding=True)))


class _Shipment(NamedTuple):
    """What the carrier knows of one booking key: a row of `shipments`."""

    key: str
    order_id: str
    country: str
    postcode: str
    tracking_number: str | None

    def told(self) -> Booked | Undeliverable:
        """What became of the booking, in the port's words."""
        if self.tracking_number is None:
            return Undeliverable("undeliverable address")
        return Booked(self.tracking_number)


@dataclass(frozen=True, slots=True)
class _Book(Question[Booked | Undeliverable]):
    key: str
    order_id: UUID
    to: ShipTo

    def shipment(self) -> _Shipment:
        """The shipment that is asked for, as it will be."""
        number = f"SL{int(sha256(self.key.encode()).hexdigest()[:16], 16):020d}"
        return _Shipment(
            self.key,
            str(self.order_id),
            self.to.country,
            self.to.postcode,
            None if self.to.country == NOWHERE else number,
        )


class SimulatedCarrier(Desk):
    """A `Carrier` that keeps its bookings in a store beside the shop's, which is `store_url`."""

    tables: ClassVar[Sequence[Table]] = (shipments,)

    def book(self, key: str, order_id: UUID, to: ShipTo) -> Booked | Undeliverable:
        """Books a shipment, once for each key: see `Carrier`."""
        return self.ask(_Book(key, order_id, to))

    def book_all(self, bookings: Sequence[Booking]) -> Sequence[BookingAnswer]:
        """Books many shipments, in one transaction of its books: see `Carrier`."""
        return self.ask_all([_Book(*each) for each in bookings])

    @override
    def answer(self, connection: Connection, questions: Sequence[_Book]) -> list[object]:
        rows = connection.execute(_READ, {"keys": [asked.key for asked in questions]})
        known = {row.key: _Shipment(*row) for row in rows}
        new: dict[str, _Shipment] = {}
        answers: list[object] = []
        for asked in questions:
            wanted = asked.shipment()
            booked = known.get(asked.key) or new.setdefault(asked.key, wanted)
            answers.append(booked.told() if booked == wanted else PortFault(ANOTHER))
        add(connection, shipments, list(new.values()))
        return answers
