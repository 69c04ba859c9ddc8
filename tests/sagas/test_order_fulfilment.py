"""The saga of one order: reserve, pay, ship, dispatch, complete; or undo."""

from typing import Final

import pytest

from application.commands import (
    BookShipment,
    CancelOrder,
    CompleteOrder,
    DispatchStock,
    RefundPayment,
    ReleaseStock,
    ReserveStock,
    TakePayment,
)
from domain.order import Order
from domain.payment import (
    Payment,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    RefundRefused,
)
from domain.reservation import (
    ReservedLine,
    StockDispatched,
    StockRefused,
    StockReleased,
    StockReserved,
)
from domain.shipment import ShipmentBooked, ShipmentRefused
from sagaline.messaging.retry import minutes, seconds
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import PIVOT, RETRIABLE
from sagaline.saga.state import State
from sagaline.testing import given, happened
from sagaline.testing.given.happened import LONG_AGO
from sagaline.testing.given.sagas import GivenSaga
from sagas.order_fulfilment import OrderFulfilment
from tests.sagas.shop import ORDER, PLACED, SHIP_TO, TOTAL

CAPTURED: Final = happened(PaymentCaptured, reference="R1")
BOOKED: Final = happened(ShipmentBooked, tracking_number="T1")
COMPLETED: Final = happened(Order.Completed, placed_at=LONG_AGO)

RESERVE: Final = ReserveStock(order_id=ORDER, lines=(ReservedLine(sku="A1", quantity=2),))
RELEASE: Final = ReleaseStock(order_id=ORDER)
TAKE: Final = TakePayment(order_id=ORDER, amount=TOTAL, payment_method="pm_card_visa")
REFUND: Final = RefundPayment(order_id=ORDER, amount=TOTAL)
BOOK: Final = BookShipment(order_id=ORDER, payment_id=Payment.id_of(ORDER), ship_to=SHIP_TO)
DISPATCH: Final = DispatchStock(order_id=ORDER)


def cancel(reason: str) -> CancelOrder:
    return CancelOrder(order_id=ORDER, reason=reason)


def paid() -> GivenSaga:
    return given(OrderFulfilment, PLACED, StockReserved, CAPTURED).then(BOOK)


def shipped() -> GivenSaga:
    return paid().when(BOOKED).then(DISPATCH)


def test_an_order_is_reserved_paid_shipped_dispatched_and_completed() -> None:
    story = given(OrderFulfilment, PLACED).then(RESERVE)
    story = story.when(StockReserved).then(TAKE)
    story = story.when(CAPTURED).then(BOOK)
    story = story.when(BOOKED).then(DISPATCH)
    story = story.when(StockDispatched).then(CompleteOrder(order_id=ORDER))
    story.when(COMPLETED).then().then_ends(State.COMPLETED).then_no_timers()


def test_without_stock_the_order_is_cancelled_and_nothing_is_undone() -> None:
    (
        given(OrderFulfilment, PLACED)
        .when(StockRefused, reason="not enough A1")
        .then(cancel("not enough A1"))
        .then_ends(State.COMPENSATED, "not enough A1")
    )


def test_a_declined_card_releases_the_stock_and_then_cancels_the_order() -> None:
    (
        given(OrderFulfilment, PLACED, StockReserved)
        .when(PaymentDeclined, reason="card declined")
        .then(RELEASE)
        .when(StockReleased)
        .then(cancel("card declined"))
        .then_ends(State.COMPENSATED, "card declined")
    )


def test_an_undeliverable_address_refunds_and_then_releases() -> None:
    story = paid().when(ShipmentRefused, reason="undeliverable").then(REFUND)
    story = story.when(PaymentRefunded).then(RELEASE)
    story.when(StockReleased).then(cancel("undeliverable")).then_ends(State.COMPENSATED)


def test_a_gateway_that_recovers_in_time_completes_the_payment() -> None:
    story = given(OrderFulfilment, PLACED, StockReserved)
    story = story.when_fault("take_payment").then_timer("take_payment", seconds(1))
    story.when_pause_ends("take_payment").then(TAKE).when(CAPTURED).then(BOOK)


def test_a_gateway_that_never_answers_settles_the_payment_and_cancels() -> None:
    story = given(OrderFulfilment, PLACED, StockReserved)
    for _ in range(2):
        story = story.when_fault("take_payment").when_pause_ends("take_payment").then(TAKE)
    story = story.when_fault("take_payment", "gateway down").then(REFUND)
    story = story.when(PaymentVoided, reason="nothing was taken").then(RELEASE)
    story.when(StockReleased).then(cancel("gateway down"))


def test_a_payment_captured_after_the_timeout_is_refunded_once() -> None:
    story = given(OrderFulfilment, PLACED, StockReserved).then_timer("take_payment", minutes(15))
    story = story.when_time_runs_out("take_payment").then(REFUND)
    story = story.when(CAPTURED).then_nothing()
    story = story.when(PaymentRefunded).then(RELEASE)
    story = story.when(StockReleased).then(cancel("take_payment: no answer within 15 min"))
    story.when(CAPTURED).then_nothing().when(PaymentRefunded).then_nothing()


def test_a_card_declined_after_the_timeout_is_undone_like_any_other() -> None:
    story = given(OrderFulfilment, PLACED, StockReserved).when_time_runs_out("take_payment")
    story = story.when(PaymentDeclined, reason="late").then_nothing()
    story.when(PaymentVoided, reason="nothing was taken").then(RELEASE)


def test_a_reservation_without_an_answer_is_released() -> None:
    story = given(OrderFulfilment, PLACED).when_time_runs_out("reserve_stock").then(RELEASE)
    story = story.when(StockReserved).then_nothing()
    story.when(StockReleased, lines=()).then(cancel("reserve_stock: no answer within 5 min"))


def refund_refused() -> GivenSaga:
    story = paid().when(ShipmentRefused, reason="undeliverable")
    for pause in (1, 2):
        story = story.when(RefundRefused, reason="account closed").then_nothing()
        story = story.then_timer("take_payment", seconds(pause))
        story = story.when_pause_ends("take_payment").then(REFUND)
    return story.when(RefundRefused, reason="account closed").then(RELEASE)


def test_a_refund_that_is_always_refused_releases_the_stock_and_parks() -> None:
    parked = refund_refused().when(StockReleased).then()
    parked.then_parks("take_payment", "account closed").then_no_timers()


def test_a_refund_that_is_granted_later_cancels_the_order() -> None:
    parked = refund_refused().when(StockReleased)
    parked.when(PaymentRefunded).then(cancel("undeliverable")).then_ends(
        State.COMPENSATED, "undeliverable"
    )


def test_a_carrier_that_never_answers_parks_the_order_with_payment_and_stock() -> None:
    story = paid()
    for _ in range(9):
        story = story.when_fault("book_shipment").when_pause_ends("book_shipment").then(BOOK)
    parked = story.when_fault("book_shipment", "carrier down").then()
    parked.then_parks("book_shipment", "carrier down")
    parked.when(BOOKED).then(DISPATCH)
    parked.when(ShipmentRefused, reason="undeliverable").then(REFUND)


@pytest.mark.parametrize("step", ["dispatch_stock", "complete_order"])
def test_a_fault_after_the_shipment_is_retried_and_refunds_nothing(step: str) -> None:
    story = shipped() if step == "dispatch_stock" else shipped().when(StockDispatched)
    (last,) = {each.command.__class__ for each in story.events[-1:]}
    for _ in range(9):
        story = story.when_fault(step).when_pause_ends(step)
        assert [type(each.command) for each in story.events[-1:]] == [last]
    story.when_fault(step, "down").then().then_parks(step, "down")


def test_the_shipment_is_the_point_of_no_return() -> None:
    kinds = {name: each.kind for name, each in saga_declaration(OrderFulfilment).steps.items()}
    assert kinds["book_shipment"] is PIVOT
    assert kinds["dispatch_stock"] is kinds["complete_order"] is RETRIABLE
