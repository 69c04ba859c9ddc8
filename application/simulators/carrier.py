"""A simulated carrier: it delivers to every country but ``ZZ``."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Self

from sqlalchemy import Column, MetaData, Table, Text, bindparam, select

from application.ports import Booked, Booking, BookingAnswer, PortFault, Undeliverable
from application.simulators.outside import OutsideStore, add

NOWHERE: Final = "ZZ"

_metadata = MetaData()

shipments = Table(
    "outside_shipments",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("tracking_number", Text),
)
"""One row for each booking key; a refused booking has no tracking number."""

_READ = select(shipments).where(shipments.c.key.in_(bindparam("keys", expanding=True)))


class _Shipment(NamedTuple):
    """What the carrier knows of one booking key: a row of `shipments`."""

    key: str
    order_id: str
    country: str
    postcode: str
    tracking_number: str | None

    @classmethod
    def of(cls, asked: Booking) -> Self:
        """The record of a key that has not been used before."""
        number = f"SL{int(sha256(asked.key.encode()).hexdigest()[:16], 16):020d}"
        country, postcode = asked.to.country, asked.to.postcode
        delivers = None if country == NOWHERE else number
        return cls(asked.key, str(asked.order_id), country, postcode, delivers)

    def answer(self) -> Booked | Undeliverable:
        """The outcome, as the port returns it."""
        if self.tracking_number is None:
            return Undeliverable("undeliverable address")
        return Booked(self.tracking_number)


class SimulatedCarrier:
    """A `Carrier` that keeps its bookings in the outside store.

    `store_url` and `schema` are those of the shop's store.
    """

    def __init__(self, store_url: str, schema: str | None = None) -> None:
        self._store = OutsideStore(_metadata, store_url, schema)

    def book_all(self, bookings: Sequence[Booking]) -> list[BookingAnswer]:
        """Books shipments, in one transaction: see `Carrier`."""
        wanted = [_Shipment.of(each) for each in bookings]
        keys = [each.key for each in bookings]
        with self._store.transaction() as connection:
            rows = connection.execute(_READ, {"keys": keys})
            stored = {row.key: _Shipment(*row) for row in rows}
            new: dict[str, _Shipment] = {}
            for each in wanted:
                if each.key not in stored:
                    new.setdefault(each.key, each)
            add(connection, shipments, list(new.values()))
        booked = stored | new
        return [_answer(booked[each.key], each) for each in wanted]

    def close(self) -> None:
        """Closes the store."""
        self._store.close()


def _answer(booked: _Shipment, wanted: _Shipment) -> BookingAnswer:
    if booked != wanted:
        return PortFault("the key was used before, for another shipment")
    return booked.answer()
