"""All lines of an order are reserved, or none."""

from typing import Any
from uuid import UUID

import pytest

from domain.errors import EmptyReservation, ReservationClosed
from domain.reservation import (
    Reservation,
    ReservedLine,
    Status,
    StockDispatched,
    StockRefused,
    StockReleased,
    StockReserved,
)
from sagaline.testing import given, happened

ORDER = UUID("11111111-1111-4111-8111-111111111111")
LINES = (ReservedLine(sku="A1", quantity=2), ReservedLine(sku="B2", quantity=1))

made = happened(StockReserved, order_id=ORDER, lines=LINES)
refused = happened(StockRefused, order_id=ORDER, reason="no stock")


def test_a_reservation_is_made_over_all_lines() -> None:
    (
        given(Reservation)
        .when(Reservation.make, ORDER, list(LINES))
        .then(
            StockReserved,
            order_id=ORDER,
            lines=LINES,
            originator_id=Reservation.id_of(ORDER),
        )
        .with_state(status=Status.MADE, lines=LINES)
    )


def test_a_reservation_is_refused_with_the_reason() -> None:
    (
        given(Reservation)
        .when(Reservation.refuse, ORDER, "no stock")
        .then(StockRefused, order_id=ORDER, reason="no stock")
        .with_state(status=Status.REFUSED, lines=())
    )


def test_a_reservation_without_lines_is_refused() -> None:
    given(Reservation).when(Reservation.make, ORDER, []).then_raises(EmptyReservation)


def test_a_reservation_is_released_line_by_line() -> None:
    (
        given(Reservation, made)
        .when(Reservation.release)
        .then(StockReleased, order_id=ORDER, lines=LINES)
        .with_state(status=Status.RELEASED)
    )


def test_undoing_a_refused_reservation_releases_nothing() -> None:
    (
        given(Reservation, refused)
        .when(Reservation.release)
        .then(StockReleased, order_id=ORDER, lines=())
        .with_state(status=Status.RELEASED)
    )


def test_a_reservation_is_dispatched() -> None:
    (
        given(Reservation, made)
        .when(Reservation.dispatch)
        .then(StockDispatched, order_id=ORDER, lines=LINES)
        .with_state(status=Status.DISPATCHED)
    )


def test_a_refused_reservation_cannot_be_dispatched() -> None:
    (
        given(Reservation, refused)
        .when(Reservation.dispatch)
        .then_raises(ReservationClosed, order_id=ORDER, status=Status.REFUSED)
    )


@pytest.mark.parametrize("end", [Reservation.release, Reservation.dispatch])
@pytest.mark.parametrize("again", [Reservation.release, Reservation.dispatch])
def test_a_reservation_ends_once(end: Any, again: Any) -> None:
    given(Reservation, made, end).when(again).then_raises(ReservationClosed)
