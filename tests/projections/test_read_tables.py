"""The rows of each read table, event by event of an order."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.order import Order
from domain.payment import PaymentCaptured, PaymentRefunded
from domain.stock import Stock
from projections.order_detail import OrderDetail
from projections.order_list import OrderList
from projections.payment_ledger import PaymentLedger
from projections.sales_by_day import SalesByDay
from projections.stock_level import StockLevel
from sagaline.errors import RowMissing
from sagaline.saga.instance import Journal
from sagaline.saga.state import Action, State
from sagaline.testing import LONG_AGO, SOMEONE, Happened, given, happened, recorded
from tests.projections.history import SHIP_TO, line, usd

ORDER = SOMEONE
PAYMENT = UUID(int=7)
LATER = LONG_AGO + timedelta(days=1)


def placed(*lines: object) -> Happened:
    return happened(
        Order.Placed,
        customer_id="900",
        lines=lines or (line("A1", 2), line("B2", 1, "0.01")),
        total=usd("19.99"),
        payment_method="pm_card_visa",
        ship_to=SHIP_TO,
    )


def completed() -> Happened:
    return happened(Order.Completed, placed_at=LONG_AGO, total=usd("19.99"))


def cancelled(reason: str) -> Happened:
    return happened(Order.Cancelled, placed_at=LONG_AGO, total=usd("19.99"), reason=reason)


def parked() -> object:
    journal = happened(
        Journal.Parked,
        originator_id=UUID(int=3),
        timestamp=LATER,
        step="refund_payment",
        reason="refused",
        answer=None,
    )
    return recorded(journal, key=ORDER)


def test_a_placed_order_is_listed_with_its_total() -> None:
    (
        given(OrderList)
        .when(placed())
        .then_row(
            ORDER,
            customer_id="900",
            status="placed",
            reason=None,
            total=Decimal("19.99"),
            currency="USD",
            item_count=3,
            placed_at=LONG_AGO,
            updated_at=LONG_AGO,
        )
    )


def test_a_completed_order_is_listed_as_completed() -> None:
    (
        given(OrderList, placed())
        .when(completed())
        .then_row(ORDER, status="completed", updated_at=LONG_AGO + timedelta(seconds=1))
    )


def test_a_cancelled_order_is_listed_with_the_reason() -> None:
    (
        given(OrderList, placed())
        .when(cancelled("card declined"))
        .then_row(ORDER, status="cancelled", reason="card declined", total=Decimal("19.99"))
    )


def test_an_order_with_a_parked_saga_has_status_attention() -> None:
    (
        given(OrderList, placed())
        .when(parked())
        .then_row(ORDER, status="attention", reason="refund_payment: refused", updated_at=LATER)
    )


def resumed() -> object:
    journal = happened(
        Journal.Resumed,
        originator_id=UUID(int=3),
        timestamp=LATER,
        state=State.COMPENSATING,
        reason="undeliverable",
        answer=None,
    )
    return recorded(journal, key=ORDER)


def test_an_order_with_a_resumed_saga_has_status_placed() -> None:
    for history in ([placed(), parked(), resumed()], [parked(), resumed(), placed()]):
        (
            given(OrderList, *history[:-1])
            .when(history[-1])
            .then_row(ORDER, status="placed", reason=None, updated_at=LATER)
        )
    for history in ([placed(), cancelled("no"), parked()], [placed(), parked(), cancelled("no")]):
        (
            given(OrderList, *history)
            .when(resumed())
            .then_row(ORDER, status="cancelled", reason="no")
        )


def intervened(action: Action) -> object:
    journal = happened(
        Journal.Intervened,
        originator_id=UUID(int=3),
        timestamp=LATER,
        action=action,
        step="",
        by="Eve",
        reason="a lost case",
    )
    return recorded(journal, key=ORDER)


def test_an_order_with_an_abandoned_saga_names_the_person_and_the_reason() -> None:
    abandoned = {"status": "attention", "reason": "abandoned by Eve: a lost case"}
    given(OrderList, placed(), parked()).when(intervened(Action.ABANDON)).then_row(
        ORDER, **abandoned, updated_at=LATER
    )
    given(OrderList, intervened(Action.ABANDON)).when(placed()).then_row(ORDER, **abandoned)
    given(OrderList, placed(), completed()).when(intervened(Action.ABANDON)).then_row(
        ORDER, status="completed", reason=None
    )
    given(OrderList, placed()).when(intervened(Action.RETRY)).then_row(ORDER, status="placed")


def test_the_end_of_an_order_overrides_a_parked_saga_in_any_order() -> None:
    for history in ([placed(), parked()], [parked(), placed()]):
        (
            given(OrderList, *history)
            .when(cancelled("undeliverable"))
            .then_row(ORDER, status="cancelled", reason="undeliverable", updated_at=LATER)
        )
    (
        given(OrderList, placed(), completed())
        .when(parked())
        .then_row(ORDER, status="completed", reason=None, updated_at=LATER)
    )


def test_the_end_of_an_unknown_order_is_an_error() -> None:
    with pytest.raises(RowMissing, match="order_list"):
        given(OrderList).when(completed())


def test_an_order_has_one_row_for_each_line() -> None:
    (
        given(OrderDetail)
        .when(placed(line("A1", 2, "9.99"), line("B2", 1, "0.01")))
        .then_row(
            (ORDER, "A1"), quantity=2, unit_price=Decimal("9.99"), line_total=Decimal("19.98")
        )
        .then_row((ORDER, "B2"), quantity=1, line_total=Decimal("0.01"), currency="USD")
        .then_rows(2)
    )


def test_each_movement_of_money_is_a_row() -> None:
    captured = happened(
        PaymentCaptured, originator_id=PAYMENT, order_id=ORDER, amount=usd("5"), reference="ch_1"
    )
    refunded = happened(PaymentRefunded, originator_id=PAYMENT, order_id=ORDER, amount=usd("5"))
    (
        given(PaymentLedger, captured)
        .when(refunded, captured)
        .then_row((ORDER, 1), kind="captured", amount=Decimal("5.00"), currency="USD")
        .then_row((ORDER, 2), kind="refunded", amount=Decimal("5.00"))
        .then_row((ORDER, 3), kind="captured")
        .then_rows(3)
    )


def test_stock_is_on_hand_reserved_and_available() -> None:
    def moved(kind: type, quantity: int) -> Happened:
        return happened(kind, sku="A1", order_id=ORDER, quantity=quantity)

    history = [happened(Stock.Listed, sku="A1"), happened(Stock.Received, sku="A1", quantity=10)]
    (
        given(StockLevel, *history)
        .when(moved(Stock.Reserved, 4))
        .then_row("A1", on_hand=10, reserved=4, available=6)
    )
    (
        given(StockLevel, *history, moved(Stock.Reserved, 4))
        .when(moved(Stock.Released, 4), moved(Stock.Reserved, 3), moved(Stock.Dispatched, 3))
        .then_row("A1", on_hand=7, reserved=0, available=7)
    )
    given(StockLevel).when(history[0]).then_row("A1", on_hand=0, available=0)


def test_sales_are_counted_on_the_day_of_placing() -> None:
    day = (date(2026, 1, 1), "USD")
    (
        given(SalesByDay, placed(), placed(), placed())
        .when(completed(), cancelled("card declined"))
        .then_row(
            day,
            orders_placed=3,
            orders_completed=1,
            orders_cancelled=1,
            revenue=Decimal("19.99"),
        )
        .then_rows(1)
    )


def test_the_day_is_that_of_utc() -> None:
    late = LONG_AGO.replace(hour=23).astimezone(tz=None) + timedelta(hours=2)
    (
        given(SalesByDay)
        .when(happened(Order.Placed, **(placed().fields | {"timestamp": late})))
        .then_row((date(2026, 1, 2), "USD"), orders_placed=1)
    )
