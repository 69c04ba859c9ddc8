"""An order is placed once, then completed or cancelled once."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.errors import (
    AmountOutOfBounds,
    CurrencyMismatch,
    EmptyOrder,
    OrderClosed,
    QuantityOutOfBounds,
    SkuAtTwoPrices,
    TooManyLines,
)
from domain.goods import MAX_QUANTITY
from domain.money import Money
from domain.order import MAX_LINES, Order, OrderLine, ShipTo, Status
from sagaline.testing import given, happened

ORDER = UUID("11111111-1111-4111-8111-111111111111")
HOME = ShipTo(country="US", postcode="45202")


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def line(sku: str, quantity: int, price: str, currency: str = "USD") -> OrderLine:
    unit_price = Money(amount=Decimal(price), currency=currency)
    return OrderLine(sku=sku, quantity=quantity, unit_price=unit_price)


def order_of(*lines: OrderLine) -> dict[str, Any]:
    return {
        "id": ORDER,
        "customer_id": "900",
        "lines": lines,
        "payment_method": "pm_card_visa",
        "ship_to": HOME,
    }


placed = happened(
    Order.Placed,
    originator_id=ORDER,
    customer_id="900",
    lines=(line("A1", 2, "9.99"),),
    total=usd("19.98"),
    payment_method="pm_card_visa",
    ship_to=HOME,
)


def test_a_placed_order_records_its_lines_total_payment_method_and_address() -> None:
    (
        given(Order)
        .when(Order, **order_of(line("A1", 2, "9.99"), line("B2", 1, "0.02")))
        .then(
            Order.Placed,
            originator_id=ORDER,
            customer_id="900",
            lines=(line("A1", 2, "9.99"), line("B2", 1, "0.02")),
            total=usd("20.00"),
            payment_method="pm_card_visa",
            ship_to=HOME,
        )
        .with_state(id=ORDER, status=Status.PLACED, total=usd("20.00"))
    )


def test_lines_of_one_sku_at_one_price_are_merged() -> None:
    (
        given(Order)
        .when(Order, **order_of(line("A1", 2, "9.99"), line("B2", 1, "1"), line("A1", 3, "9.99")))
        .then(
            Order.Placed,
            lines=(line("A1", 5, "9.99"), line("B2", 1, "1")),
            total=usd("50.95"),
        )
    )


def test_one_sku_at_two_prices_is_refused() -> None:
    (
        given(Order)
        .when(Order, **order_of(line("A1", 2, "9.99"), line("A1", 3, "9.98")))
        .then_raises(SkuAtTwoPrices, sku="A1", first=usd("9.99"), second=usd("9.98"))
    )


def test_an_order_without_lines_is_refused() -> None:
    given(Order).when(Order, **order_of()).then_raises(EmptyOrder)


def test_an_order_in_two_currencies_is_refused() -> None:
    (
        given(Order)
        .when(Order, **order_of(line("A1", 1, "1"), line("B2", 1, "1", "EUR")))
        .then_raises(CurrencyMismatch)
    )


def test_an_order_of_too_many_lines_is_refused() -> None:
    lines = [line(f"A{n}", 1, "1") for n in range(MAX_LINES + 1)]
    given(Order).when(Order, **order_of(*lines)).then_raises(TooManyLines, count=MAX_LINES + 1)
    given(Order).when(Order, **order_of(*lines[1:])).then(Order.Placed)


def test_an_order_with_a_total_above_the_limit_is_refused() -> None:
    lines = line("A1", 1, "999999999999.99"), line("B2", 1, "0.01")
    given(Order).when(Order, **order_of(*lines)).then_raises(AmountOutOfBounds)


def test_lines_that_merge_to_too_large_a_quantity_are_refused() -> None:
    lines = line("A1", MAX_QUANTITY, "0.01"), line("A1", 1, "0.01")
    given(Order).when(Order, **order_of(*lines)).then_raises(QuantityOutOfBounds, sku="A1")


def test_a_completed_order_repeats_its_placing_time_and_total() -> None:
    first = placed.to_event(Order, ORDER, 1)
    (
        given(Order, first)
        .when(Order.complete)
        .then(Order.Completed, placed_at=first.timestamp, total=usd("19.98"))
        .with_state(status=Status.COMPLETED)
    )


def test_a_placed_order_is_cancelled_with_the_reason() -> None:
    first = placed.to_event(Order, ORDER, 1)
    (
        given(Order, first)
        .when(Order.cancel, "no stock")
        .then(
            Order.Cancelled,
            reason="no stock",
            placed_at=first.timestamp,
            total=usd("19.98"),
        )
        .with_state(status=Status.CANCELLED, reason="no stock")
    )


def cancel(order: Order) -> None:
    order.cancel("no stock")


@pytest.mark.parametrize("end", [cancel, Order.complete])
@pytest.mark.parametrize("again", [cancel, Order.complete])
def test_an_ended_order_cannot_be_ended_again(end: Any, again: Any) -> None:
    given(Order, placed, end).when(again).then_raises(OrderClosed, order_id=ORDER)


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1, "2", 2.0, True])
def test_an_order_line_has_a_valid_quantity(quantity: Any) -> None:
    with pytest.raises(ValidationError, match="quantity"):
        OrderLine(sku="A1", quantity=quantity, unit_price=usd("1"))


def test_a_price_may_be_zero_but_not_negative() -> None:
    assert line("A1", 3, "0").total == usd("0")
    with pytest.raises(ValidationError, match="from 0"):
        line("A1", 1, "-0.01")


def test_a_country_has_two_letters() -> None:
    with pytest.raises(ValidationError, match="country"):
        ShipTo(country="Ohio", postcode="45202")
