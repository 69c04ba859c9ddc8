"""The reservation of one order's stock, over all its lines."""

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
    """A quantity of one SKU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Sku
    quantity: Quantity


class Status(StrEnum):
    """The status of a reservation."""

    MADE = "made"
    REFUSED = "refused"
    RELEASED = "released"
    DISPATCHED = "dispatched"


class Reservation(Aggregate):
    """The stock of one order: all its lines, or none.

    Each order has one, with the id `Reservation.id_of(order_id)`. Other contexts follow its events;
    the quantities change in `Stock`. Its events carry data for contexts that react to them: `terms`
    is how the order is paid and where it goes, `because` is why it is undone. A saga knows both, so
    its commands leave them empty.
    """

    order_id: UUID
    lines: tuple[ReservedLine, ...] = field(init=False, default=())
    status: Status = field(init=False)

    class Made(Aggregate.Created):
        """All lines of the order are reserved."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]
        terms: Terms | None = None

        @override
        def apply(self, reservation: Reservation) -> None:
            reservation.lines = self.lines
            reservation.status = Status.MADE

    class Refused(Aggregate.Created):
        """Nothing is reserved for the order."""

        order_id: UUID
        reason: str

        @override
        def apply(self, reservation: Reservation) -> None:
            reservation.status = Status.REFUSED

    class Released(Aggregate.Event):
        """The reserved stock, if any, is available again."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]
        because: str | None = None

    class Dispatched(Aggregate.Event):
        """The reserved stock left the warehouse."""

        order_id: UUID
        lines: tuple[ReservedLine, ...]

    @staticmethod
    @override
    @lru_cache(REMEMBERED_IDS)
    def create_id(order_id: UUID) -> UUID:
        """The id of the reservation of this order."""
        return id_beside(order_id, "reservation")

    id_of = create_id

    @classmethod
    def make(
        cls, order_id: UUID, lines: Iterable[ReservedLine], terms: Terms | None = None
    ) -> Self:
        """Creates a reservation of all lines. Raises `EmptyReservation`."""
        lines = tuple(lines)
        if not lines:
            raise EmptyReservation(order_id=order_id)
        return cls._create(cls.Made, order_id=order_id, lines=lines, terms=terms)

    @classmethod
    def refuse(cls, order_id: UUID, reason: str) -> Self:
        """Creates a refused reservation."""
        return cls._create(cls.Refused, order_id=order_id, reason=reason)

    def release(self, because: str | None = None) -> None:
        """Releases the reserved stock, which after a refusal is none.

        `because` is why the order ends with it. A saga undoes a step whose outcome it does not
        know, so an undo always has an answer. Raises `ReservationClosed`.
        """
        if self.status not in (Status.MADE, Status.REFUSED):
            raise self._closed("released")
        self._release(order_id=self.order_id, lines=self.lines, because=because)

    def dispatch(self) -> None:
        """Dispatches the reserved stock. Raises `ReservationClosed`."""
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
