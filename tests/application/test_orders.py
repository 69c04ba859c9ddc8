"""Orders are placed once, and end once."""

from collections.abc import Iterator

import pytest

from application.commands import CancelOrder, CompleteOrder, PlaceOrder
from application.orders import OrderAlreadyPlaced, Orders
from domain.errors import SkuAtTwoPrices
from domain.order import Order, OrderLine
from sagaline.errors import CommandConflict
from tests.application.participants import ORDER, OTHER, SHIP_TO, AtWork, at_work, names, usd


@pytest.fixture
def orders(store_url: str) -> Iterator[AtWork[Orders]]:
    with at_work(Orders, store_url) as working:
        yield working


def order(**changed: object) -> PlaceOrder:
    given: dict[str, object] = {
        "order_id": ORDER,
        "customer_id": "900",
        "lines": (OrderLine(sku="A1", quantity=2, unit_price=usd("9.99")),),
        "payment_method": "pm_card_visa",
        "ship_to": SHIP_TO,
        **changed,
    }
    return PlaceOrder.model_validate(given)


def test_an_order_sent_twice_is_placed_once(orders: AtWork[Orders]) -> None:
    first = orders.app.place(order())
    assert (first.position, first.duplicate) == ("orders:1", False)
    orders.app.place(order(order_id=OTHER))
    again = orders.app.place(order())
    assert (again.position, again.duplicate) == ("orders:1", True)
    assert names(orders.events()) == ["Order.Placed"] * 2


def test_the_same_order_id_with_other_content_is_refused(orders: AtWork[Orders]) -> None:
    orders.app.place(order())
    with pytest.raises(CommandConflict):
        orders.app.place(order(customer_id="901"))
    (placed,) = orders.events()
    assert placed.customer_id == "900"


def test_another_command_for_the_same_order_is_refused(orders: AtWork[Orders]) -> None:
    orders.app.place(order())
    with pytest.raises(OrderAlreadyPlaced, match=str(ORDER)):
        orders.app.place(order(id=OTHER))
    assert names(orders.events()) == ["Order.Placed"]


def test_in_one_batch_each_order_has_its_own_answer(orders: AtWork[Orders]) -> None:
    two_prices = tuple(
        OrderLine(sku="A1", quantity=1, unit_price=usd(each)) for each in ("1.00", "2.00")
    )
    receipts = orders.app.execute(
        [
            order(),
            order(),
            order(customer_id="901"),
            order(id=OTHER),
            order(order_id=OTHER, lines=two_prices),
            order(order_id=OTHER, lines=(), id=ORDER),
        ]
    )
    assert [each.duplicate for each in receipts[:2]] == [False, True]
    assert [each.position for each in receipts[:2]] == ["orders:1"] * 2
    errors = [type(each.error) for each in receipts[2:5]]
    assert errors == [CommandConflict, OrderAlreadyPlaced, SkuAtTwoPrices]
    assert receipts[5].error is not None
    assert names(orders.events()) == ["Order.Placed"]


def test_a_completed_order_has_its_placing_time_and_total(
    orders: AtWork[Orders],
) -> None:
    orders.app.place(order())
    (completed,) = orders.told(CompleteOrder(order_id=ORDER))
    assert isinstance(completed, Order.Completed)
    assert completed.placed_at == orders.events()[0].timestamp
    assert completed.total == usd("19.98")


def test_a_cancelled_order_has_a_reason(orders: AtWork[Orders]) -> None:
    orders.app.place(order())
    (cancelled,) = orders.told(CancelOrder(order_id=ORDER, reason="card declined"))
    assert cancelled.reason == "card declined"


@pytest.mark.parametrize(
    "command", [CompleteOrder(order_id=ORDER), CancelOrder(order_id=ORDER, reason="no stock")]
)
def test_a_repeated_end_of_an_order_has_no_effect(
    orders: AtWork[Orders], command: CompleteOrder | CancelOrder
) -> None:
    orders.app.place(order())
    assert len(orders.told(command)) == 1
    assert orders.told(command, attempt=2) == []
    assert orders.told(command, command, attempt=3) == []
