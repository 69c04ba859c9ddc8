"""Stock is received, reserved, released and dispatched."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from application.commands import DispatchStock, ReceiveStock, ReleaseStock, ReserveStock
from application.inventory import Inventory
from domain.errors import QuantityOutOfBounds
from domain.goods import MAX_QUANTITY
from domain.stock import Stock
from tests.application.participants import ORDER, OTHER, AtWork, at_work, names, wanted


@pytest.fixture
def inventory(store_url: str) -> Iterator[AtWork[Inventory]]:
    """An inventory with ten of A1 and three of B2."""
    with at_work(Inventory, store_url) as working:
        receive(working, "A1", 10)
        receive(working, "B2", 3)
        yield working


def receive(inventory: AtWork[Inventory], sku: str, quantity: int) -> None:
    inventory.app.receive(ReceiveStock(sku=sku, quantity=quantity))


def level(inventory: AtWork[Inventory], sku: str) -> tuple[int, int, int]:
    stock: Stock = inventory.app.repository.get(Stock.id_of(sku))
    return stock.on_hand, stock.reserved, stock.available


RESERVE = ReserveStock(order_id=ORDER, lines=wanted(A1=4, B2=3))
RELEASE = ReleaseStock(order_id=ORDER)
DISPATCH = DispatchStock(order_id=ORDER)


def test_received_stock_is_added_to_the_stock_on_hand(inventory: AtWork[Inventory]) -> None:
    receive(inventory, "A1", 5)
    receive(inventory, "C3", 1)
    assert (level(inventory, "A1"), level(inventory, "C3")) == ((15, 0, 15), (1, 0, 1))
    again = ReceiveStock(sku="A1", quantity=5)
    first = inventory.app.receive(again)
    assert inventory.app.receive(again).position == first.position
    assert level(inventory, "A1") == (20, 0, 20)


def test_a_quantity_above_the_limit_is_refused(inventory: AtWork[Inventory]) -> None:
    with pytest.raises(QuantityOutOfBounds):
        receive(inventory, "A1", MAX_QUANTITY)
    with pytest.raises(ValidationError):
        receive(inventory, "A1", 0)
    assert level(inventory, "A1") == (10, 0, 10)


def test_all_lines_are_reserved_in_one_transaction(inventory: AtWork[Inventory]) -> None:
    assert names(inventory.told(RESERVE)) == [
        "Stock.Reserved",
        "Stock.Reserved",
        "Reservation.Made",
    ]
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((10, 4, 6), (3, 3, 0))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (wanted(A1=4, B2=4), "not enough B2: 4 wanted, 3 available"),
        (wanted(A1=4, Z9=1), "unknown SKU Z9"),
        (wanted(Z9=1, B2=4), "unknown SKU Z9"),
    ],
)
def test_if_one_line_is_short_nothing_is_reserved(
    inventory: AtWork[Inventory], lines: tuple, reason: str
) -> None:
    (refused,) = inventory.told(ReserveStock(order_id=ORDER, lines=lines))
    assert (names([refused]), refused.reason) == (["Reservation.Refused"], reason)
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((10, 0, 10), (3, 0, 3))


def test_of_two_orders_for_the_last_pieces_the_first_gets_them(
    inventory: AtWork[Inventory],
) -> None:
    rival = ReserveStock(order_id=OTHER, lines=wanted(A1=1, B2=1))
    events = inventory.told(RESERVE, rival)
    assert names(events)[-2:] == ["Reservation.Made", "Reservation.Refused"]
    assert events[-1].order_id == OTHER
    assert events[-1].reason == "not enough B2: 1 wanted, 0 available"
    assert level(inventory, "B2") == (3, 3, 0)


def test_stock_released_in_a_batch_is_available_to_the_next_order(
    inventory: AtWork[Inventory],
) -> None:
    inventory.told(RESERVE)
    rival = ReserveStock(order_id=OTHER, lines=wanted(B2=3))
    events = inventory.told(RELEASE, rival)
    assert names(events)[-1] == "Reservation.Made"
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((10, 0, 10), (3, 3, 0))


def test_stock_received_by_another_process_is_available(
    inventory: AtWork[Inventory], store_url: str
) -> None:
    inventory.told(RESERVE)
    with at_work(Inventory, store_url) as other:
        receive(other, "B2", 2)
    (*_, made) = inventory.told(ReserveStock(order_id=OTHER, lines=wanted(B2=2)))
    assert names([made]) == ["Reservation.Made"]
    assert level(inventory, "B2") == (5, 5, 0)


def test_a_release_makes_all_lines_available(inventory: AtWork[Inventory]) -> None:
    inventory.told(RESERVE)
    events = inventory.told(RELEASE)
    assert names(events) == ["Stock.Released", "Stock.Released", "Reservation.Released"]
    assert events[-1].lines == RESERVE.lines
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((10, 0, 10), (3, 0, 3))


def test_a_dispatch_reduces_the_stock_on_hand(inventory: AtWork[Inventory]) -> None:
    inventory.told(RESERVE)
    events = inventory.told(DISPATCH)
    assert names(events) == ["Stock.Dispatched", "Stock.Dispatched", "Reservation.Dispatched"]
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((6, 0, 6), (0, 0, 0))


def test_a_refused_reservation_is_released_as_nothing(inventory: AtWork[Inventory]) -> None:
    inventory.told(ReserveStock(order_id=ORDER, lines=wanted(Z9=1)))
    (released,) = inventory.told(RELEASE)
    assert (names([released]), released.lines) == (["Reservation.Released"], ())


def test_an_order_released_first_is_never_reserved(
    inventory: AtWork[Inventory],
) -> None:
    events = inventory.told(RELEASE)
    assert names(events) == ["Reservation.Refused", "Reservation.Released"]
    assert inventory.told(RESERVE) == []
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((10, 0, 10), (3, 0, 3))


def test_a_repeated_command_has_no_second_effect(inventory: AtWork[Inventory]) -> None:
    inventory.told(RESERVE)
    assert inventory.told(RESERVE, RESERVE, attempt=2) == []
    inventory.told(DISPATCH)
    assert inventory.told(DISPATCH, DISPATCH, attempt=2) == []
    inventory.told(ReserveStock(order_id=OTHER, lines=wanted(A1=1)))
    assert len(inventory.told(ReleaseStock(order_id=OTHER))) == 2
    assert inventory.told(ReleaseStock(order_id=OTHER), attempt=2) == []
    assert inventory.told(ReserveStock(order_id=OTHER, lines=wanted(A1=1)), attempt=2) == []
    assert (level(inventory, "A1"), level(inventory, "B2")) == ((6, 0, 6), (0, 0, 0))
