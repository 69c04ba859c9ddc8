"""The stock of one SKU."""

from __future__ import annotations

from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event
from typing_extensions import override

from domain.errors import AlreadyReserved, NoReservation, NotEnoughStock, QuantityOutOfBounds
from domain.goods import MAX_QUANTITY, check_quantity
from domain.names import REMEMBERED_IDS


class Stock(Aggregate):
    """The stock of one SKU: received, then reserved for an order, then dispatched or released.

    Each SKU has one, with the id `Stock.id_of(sku)`. It keeps open reservations only, so the cost
    of an operation does not grow with the number of orders.
    """

    class Listed(Aggregate.Created):
        """The SKU is for sale from now on."""

        sku: str

    class Received(Aggregate.Event):
        """A quantity was received."""

        sku: str
        quantity: int

    class Reserved(Aggregate.Event):
        """A quantity was reserved for an order."""

        sku: str
        order_id: UUID
        quantity: int

    class Released(Aggregate.Event):
        """A reserved quantity is available again."""

        sku: str
        order_id: UUID
        quantity: int

    class Dispatched(Aggregate.Event):
        """A reserved quantity left the warehouse."""

        sku: str
        order_id: UUID
        quantity: int

    sku: str
    on_hand: int
    reserved: int
    reservations: dict[UUID, int]

    @event(Listed)
    def __init__(self, sku: str) -> None:
        self.sku = sku
        self.on_hand = 0
        self.reserved = 0
        self.reservations = {}

    @staticmethod
    @override
    @lru_cache(REMEMBERED_IDS)
    def create_id(sku: str) -> UUID:
        """The id of the stock of this SKU."""
        return uuid5(NAMESPACE_URL, f"/stock/{sku}")

    id_of = create_id

    @property
    def available(self) -> int:
        """The quantity on hand that no order has reserved."""
        return self.on_hand - self.reserved

    def receive(self, quantity: int) -> None:
        """Adds a quantity. Raises `QuantityOutOfBounds`."""
        check_quantity(self.sku, quantity)
        if self.on_hand + quantity > MAX_QUANTITY:
            raise QuantityOutOfBounds(
                sku=self.sku, quantity=self.on_hand + quantity, limit=MAX_QUANTITY
            )
        self._receive(sku=self.sku, quantity=quantity)

    def reserve(self, order_id: UUID, quantity: int) -> None:
        """Reserves a quantity for an order.

        Raises `QuantityOutOfBounds`, `AlreadyReserved` and `NotEnoughStock`.
        """
        check_quantity(self.sku, quantity)
        if order_id in self.reservations:
            raise AlreadyReserved(sku=self.sku, order_id=order_id)
        if quantity > self.available:
            raise NotEnoughStock(sku=self.sku, wanted=quantity, available=self.available)
        self._reserve(sku=self.sku, order_id=order_id, quantity=quantity)

    def release(self, order_id: UUID) -> None:
        """Releases the reservation of an order. Raises `NoReservation`."""
        quantity = self._reserved_for(order_id)
        self._release(sku=self.sku, order_id=order_id, quantity=quantity)

    def dispatch(self, order_id: UUID) -> None:
        """Dispatches the reservation of an order. Raises `NoReservation`."""
        quantity = self._reserved_for(order_id)
        self._dispatch(sku=self.sku, order_id=order_id, quantity=quantity)

    def _reserved_for(self, order_id: UUID) -> int:
        try:
            return self.reservations[order_id]
        except KeyError:
            raise NoReservation(sku=self.sku, order_id=order_id) from None

    @event(Received)
    def _receive(self, sku: str, quantity: int) -> None:
        self.on_hand += quantity

    @event(Reserved)
    def _reserve(self, sku: str, order_id: UUID, quantity: int) -> None:
        self.reservations[order_id] = quantity
        self.reserved += quantity

    @event(Released)
    def _release(self, sku: str, order_id: UUID, quantity: int) -> None:
        del self.reservations[order_id]
        self.reserved -= quantity

    @event(Dispatched)
    def _dispatch(self, sku: str, order_id: UUID, quantity: int) -> None:
        del self.reservations[order_id]
        self.reserved -= quantity
        self.on_hand -= quantity
