"""The stock of one SKU: nothing is sold twice, and nothing is lost."""

from typing import Any
from uuid import UUID

import pytest

from domain.errors import AlreadyReserved, NoReservation, NotEnoughStock, QuantityOutOfBounds
from domain.goods import MAX_QUANTITY
from domain.stock import Stock
from sagaline.testing import given, happened

ORDER = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")

listed = happened(Stock.Listed, sku="A1")


def received(quantity: int) -> Any:
    return happened(Stock.Received, sku="A1", quantity=quantity)


def reserved(order_id: UUID, quantity: int) -> Any:
    return happened(Stock.Reserved, sku="A1", order_id=order_id, quantity=quantity)


def test_the_id_of_stock_follows_from_its_sku() -> None:
    (
        given(Stock)
        .when(Stock, sku="A1")
        .then(Stock.Listed, sku="A1", originator_id=Stock.id_of("A1"))
        .with_state(on_hand=0, reserved=0, available=0)
    )
    assert Stock.id_of("A1") != Stock.id_of("A2")


def test_received_stock_is_available() -> None:
    (
        given(Stock, listed, received(3))
        .when(Stock.receive, 4)
        .then(Stock.Received, sku="A1", quantity=4)
        .with_state(on_hand=7, available=7)
    )


def test_reserved_stock_is_on_hand_but_not_available() -> None:
    (
        given(Stock, listed, received(5))
        .when(Stock.reserve, ORDER, 5)
        .then(Stock.Reserved, sku="A1", order_id=ORDER, quantity=5)
        .with_state(on_hand=5, reserved=5, available=0)
    )


def test_more_than_is_available_cannot_be_reserved() -> None:
    (
        given(Stock, listed, received(5), reserved(OTHER, 3))
        .when(Stock.reserve, ORDER, 3)
        .then_raises(NotEnoughStock, sku="A1", wanted=3, available=2)
    )


def test_one_order_reserves_a_sku_once() -> None:
    (
        given(Stock, listed, received(5), reserved(ORDER, 1))
        .when(Stock.reserve, ORDER, 1)
        .then_raises(AlreadyReserved, order_id=ORDER)
    )


def test_released_stock_is_available_again() -> None:
    (
        given(Stock, listed, received(5), reserved(ORDER, 2), reserved(OTHER, 3))
        .when(Stock.release, ORDER)
        .then(Stock.Released, sku="A1", order_id=ORDER, quantity=2)
        .with_state(on_hand=5, reserved=3, available=2, reservations={OTHER: 3})
    )


def test_dispatched_stock_is_not_on_hand() -> None:
    (
        given(Stock, listed, received(5), reserved(ORDER, 2), reserved(OTHER, 3))
        .when(Stock.dispatch, ORDER)
        .then(Stock.Dispatched, sku="A1", order_id=ORDER, quantity=2)
        .with_state(on_hand=3, reserved=3, available=0, reservations={OTHER: 3})
    )


@pytest.mark.parametrize("act", [Stock.release, Stock.dispatch])
@pytest.mark.parametrize("end", [Stock.release, Stock.dispatch])
def test_a_reservation_ends_once(act: Any, end: Any) -> None:
    def ended(stock: Stock) -> None:
        end(stock, ORDER)

    given(Stock, listed).when(act, ORDER).then_raises(NoReservation, sku="A1", order_id=ORDER)
    (
        given(Stock, listed, received(5), reserved(ORDER, 2), ended)
        .when(act, ORDER)
        .then_raises(NoReservation)
    )


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1, 1.5, True])
def test_a_quantity_is_a_whole_number_from_one(quantity: Any) -> None:
    stock = given(Stock, listed, received(5))
    stock.when(Stock.receive, quantity).then_raises(QuantityOutOfBounds)
    stock.when(Stock.reserve, ORDER, quantity).then_raises(QuantityOutOfBounds)


def test_stock_has_a_largest_quantity() -> None:
    given(Stock, listed, received(MAX_QUANTITY)).when(Stock.receive, 1).then_raises(
        QuantityOutOfBounds, quantity=MAX_QUANTITY + 1
    )
