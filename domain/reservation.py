"""What is set aside for one order, over all its lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from typing import Self
from uuid import UUID

from eventsourcing.domain import Aggregate, event
from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from domain.errors import EmptyReservation, ReservationClosed
from domain.goods import Quantity, Sku
from domain.ids import id_beside
from domain.names import REMEMBERED_IDS
from domain.order import Terms


class ReservedLine(BaseModel):
    """So many pieces of one article."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Sku
    quantity: Quantity


class Status(StrEnum):
    """Where a reservation stands."""

    MADE = "made"
    REFUSED = "refused"
    RELEASED = "released"
    DISPATCHED = "dispatched"


class Reservation(Aggregate):
    """All that one order needs, or nothing: the answer that the stock gives to an order.

    One for each order, found by `Reservation.id_of(order_id)`. Its events are what others hear of;
    the pieces themselves move in `Stock`. `terms` and `because` are what is passed on to those who
    react to them; where a saga leads, it knows both, and they are empty.
    """

    order_id: UUID
    lines: tuple[ReservedLine, ...] = field(init=False, default=())
    status: Status = field(init=False)

    class Made(Aggregate.Created):
        """All lines of the order are set aside."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]
        terms: Terms | None = None

        @override
        def apply(self, reservation: Reservation) -> None:
            reservation.lines = self.lines
            reservation.status = Status.MADE

    class Refused(Aggregate.Created):
        """Nothing is set aside for the order."""

        order_id: UUID
        reason: str

        @override
        def apply(self, reservation: Reservation) -> None:
            reservation.status = Status.REFUSED

    class Released(Aggregate.Event):
        """What was set aside, if anything, is for sale again."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]
        because: str | None = None

    class Dispatched(Aggregate.Event):
        """What was set aside has left."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]

    @staticmethod
    @override
    @lru_cache(REMEMBERED_IDS)
    def create_id(order_id: UUID) -> UUID:
        """The id of the reservation for this order."""
        return id_beside(order_id, "reservation")

    id_of = create_id

    @classmethod
    def make(
        cls, order_id: UUID, lines: Iterable[ReservedLine], terms: Terms | None = None
    ) -> Self:
        """All lines are set aside. Raises `EmptyReservation`."""
        lines = tuple(lines)
        if not lines:
            raise EmptyReservation(order_id=order_id)
        return cls._create(cls.Made, order_id=order_id, lines=lines, terms=terms)

    @classmethod
    def refuse(cls, order_id: UUID, reason: str) -> Self:
        """Nothing is set aside."""
        return cls._create(cls.Refused, order_id=order_id, reason=reason)

    def release(self, because: str | None = None) -> None:
        """Gives back what is set aside, which after a refusal is nothing.

        `because` is why the order ends with it, for those who react. A saga that does not know the
        outcome of a step undoes it, so an undo always has an answer.
        Raises `ReservationClosed`.
        """
        if self.status not in (Status.MADE, Status.REFUSED):
            raise self._closed("released")
        self._release(order_id=self.order_id, lines=self.lines, because=because)

    def dispatch(self) -> None:
        """Sends off what is set aside. Raises `ReservationClosed`."""
        if self.status is not Status.MADE:
            raise self._closed("dispatched")
        self._dispatch(order_id=self.order_id, lines=self.lines)

    def _closed(self, wanted: str) -> ReservationClosed:
        return ReservationClosed(order_id=self.order_id, status=self.status, wanted=wanted)

    @event(Released)
    def _release(
        self, order_id: UUID, lines: tuple[ReservedLine, ...], because: str | None
    ) -> None:
        self.status = Status.RELEASED

    @event(Dispatched)
    def _dispatch(self, order_id: UUID, lines: tuple[ReservedLine, ...]) -> None:
        self.status = Status.DISPATCHED


StockReserved = Reservation.Made
StockRefused = Reservation.Refused
StockReleased = Reservation.Released
StockDispatched = Reservation.Dispatched
