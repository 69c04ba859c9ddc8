"""`Scenario`: a system, or a saga with simulated participants, on a clock that the test moves."""

import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from application.commands import (
    BookShipment,
    CancelOrder,
    CompleteOrder,
    DispatchStock,
    PlaceOrder,
    ReceiveStock,
    RefundPayment,
    ReleaseStock,
    ReserveStock,
    TakePayment,
)
from application.payments import Payments
from application.system import system
from domain.payment import PaymentCaptured
from projections.order_list import OrderList
from sagaline import State
from sagaline.testing import LONG_AGO, Operator, Scenario, happened
from sagas.order_fulfilment import OrderFulfilment
from tests.sagas.shop import ORDER, PLACED, SHIP_TO
from tests.sagas.trip import (
    BookFlight,
    BookHotel,
    BookTrip,
    CancelFlight,
    CancelHotel,
    CheckVisa,
    PayTrip,
    RentCar,
    ReturnCar,
    TellTraveller,
    Trip,
)


@pytest.fixture
def order() -> Iterator[Scenario]:
    """One order, whose participants are simulated."""
    with Scenario(OrderFulfilment) as scenario:
        yield scenario


FORWARD = (ReserveStock, TakePayment, BookShipment, DispatchStock, CompleteOrder)
PAID = (ReserveStock, TakePayment)


def test_participants_succeed_by_default(order: Scenario) -> None:
    order.happens(PLACED).then_ends(State.COMPLETED).then_asked(*FORWARD).then_no_timers()
    order.then_in_place(
        "reserve_stock", "take_payment", "book_shipment", "dispatch_stock", "complete_order"
    )


def test_a_refusal_undoes_the_earlier_steps_and_gives_the_reason(order: Scenario) -> None:
    order.when_asked_for("take_payment").refuses("card declined")
    order.happens(PLACED).then_ends(State.COMPENSATED, "card declined")
    order.then_asked(*PAID, ReleaseStock, CancelOrder).then_in_place()


def test_a_fault_is_retried_after_its_pause(order: Scenario) -> None:
    order.when_asked_for("take_payment").faults(times=2)
    order.happens(PLACED).then_waits("take_payment").then_timers("take_payment", "take_payment")
    order.pass_time(seconds=0.9).then_asked(*PAID)
    order.pass_time(seconds=0.1).then_asked(*PAID, TakePayment).then_waits("take_payment")
    order.pass_time(seconds=2).then_ends(State.COMPLETED).then_no_timers()


def test_the_time_limit_of_a_step_covers_its_retries() -> None:
    with Scenario(BookTrip) as trip:
        trip.when_asked_for("book_flight").faults(times=2).is_silent()
        trip.happens(Trip.Wanted, traveller="Ada").pass_time(minutes=4, seconds=59)
        trip.then_asked(CheckVisa, BookFlight, BookFlight, BookFlight).then_waits("book_flight")
        trip.pass_time(seconds=1)
        trip.then_ends(State.COMPENSATED, "book_flight: no answer within 5 min")


def test_an_effect_whose_answer_is_late_is_undone(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_late(minutes=20)
    order.happens(PLACED).pass_time(minutes=14).then_waits("take_payment")
    order.then_in_place("reserve_stock", "take_payment")
    order.pass_time(minutes=1).then_ends(State.COMPENSATED).then_in_place()
    order.pass_time(minutes=5).then_ends(State.COMPENSATED).then_in_place()


def test_a_pending_answer_arrives_after_its_delay(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=3)
    order.happens(PLACED).then_in_place("reserve_stock").then_timers("take_payment")
    order.pass_time(minutes=2.9).then_waits("take_payment")
    order.pass_time(minutes=0.1).then_ends(State.COMPLETED)


def test_a_command_that_is_undone_while_pending_is_never_performed(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=16)
    order.happens(PLACED).pass_time(hours=1).then_ends(State.COMPENSATED).then_in_place()


def test_a_duplicate_answer_changes_nothing(order: Scenario) -> None:
    order.when_asked_for("reserve_stock").answers_twice()
    order.happens(PLACED).then_ends(State.COMPLETED).then_asked(*FORWARD)


def test_a_parked_saga_continues_after_an_operators_retry(order: Scenario) -> None:
    order.when_asked_for("book_shipment").refuses("no such street")
    order.when_asked_to_undo("take_payment").is_down("bank closed")
    order.happens(PLACED).pass_time(hours=1).then_parks("take_payment", "bank closed")
    order.then_in_place("take_payment").then_no_timers()
    order.when_asked_to_undo("take_payment").recovers()
    order.intervene(lambda saga: saga.retry(Operator("Eve")))
    order.then_ends(State.COMPENSATED, "no such street").then_in_place()
    refunds = [RefundPayment] * 3
    order.then_asked(*PAID, BookShipment, *refunds, ReleaseStock, RefundPayment, CancelOrder)


def test_an_undo_that_fails_for_good_parks_the_saga_and_each_step_is_undone_once() -> None:
    with Scenario(BookTrip) as trip:
        trip.when_asked_for("pay_trip").refuses("no money")
        trip.when_asked_to_undo("book_hotel").is_down("the desk is closed")
        trip.happens(Trip.Wanted, traveller="Ada").pass_time(hours=1)
        trip.then_parks("book_hotel", "the desk is closed").then_in_place("book_hotel")
        trip.when_asked_to_undo("book_hotel").recovers()
        trip.intervene(lambda saga: saga.retry(Operator("Eve", "the desk is open")))
        trip.then_ends(State.COMPENSATED, "no money").then_in_place().then_no_timers()
        trip.then_asked(
            *(CheckVisa, BookFlight, BookHotel, RentCar, PayTrip),
            *(ReturnCar, CancelHotel, CancelHotel, CancelFlight),
            *(CancelHotel, TellTraveller),
        )


def test_attempts_are_scripted_one_after_another(order: Scenario) -> None:
    order.when_asked_for("book_shipment").faults().succeeds()
    order.happens(PLACED).then_waits("book_shipment").pass_time(seconds=1)
    order.then_ends(State.COMPLETED)


def test_a_step_without_a_time_limit_waits_for_its_answer(order: Scenario) -> None:
    order.when_asked_for("book_shipment").is_silent()
    order.happens(PLACED).pass_time(days=30).then_waits("book_shipment").then_no_timers()


def test_a_test_may_record_an_answer_itself(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_silent()
    order.happens(PLACED).happens(PaymentCaptured, reference="R1").then_ends(State.COMPLETED)


def test_a_crash_loses_nothing(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=3)
    order.happens(PLACED).crashes().then_waits("take_payment")
    order.pass_time(minutes=3).crashes().then_ends(State.COMPLETED).then_asked(*FORWARD)


def test_expectations_select_an_instance_by_its_key(order: Scenario) -> None:
    other = UUID("00000000-0000-4000-8000-000000000043")
    order.happens(PLACED)
    order.when_asked_for("reserve_stock").refuses("sold out")
    order.happens(type(PLACED)(PLACED.event_class, {**PLACED.fields, "originator_id": other}))
    order.then_ends(State.COMPENSATED, "sold out", key=other)
    order.then_ends(State.COMPLETED, key=ORDER)


def test_a_compensated_saga_stays_compensated_after_restarts(
    order: Scenario,
) -> None:
    order.when_asked_for("reserve_stock").refuses("sold out")
    order.happens(PLACED).then_ends(State.COMPENSATED, "sold out")
    order.will_crash(0, before=True)
    for _ in range(3):
        order.crashes().pass_time(days=1)
    assert order.commits == 0
    order.then_ends(State.COMPENSATED, "sold out").then_asked(ReserveStock, CancelOrder)


def test_a_saga_waits_for_a_lock_until_its_holder_has_ended(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=3)
    second = UUID(int=2)
    order.happens(PLACED).then_waits("take_payment")
    order.happens(happened(PLACED.event_class, **{**PLACED.fields, "originator_id": second}))
    order.then_asked().then_waits()
    order.pass_time(minutes=3).then_ends(State.COMPLETED, key=ORDER)
    order.then_waits("take_payment", key=second)


def test_a_failure_shows_the_transcript_with_its_times(
    order: Scenario,
) -> None:
    order.when_asked_for("take_payment").is_late(minutes=20)
    order.happens(PLACED).pass_time(minutes=15)
    with pytest.raises(AssertionError) as failure:
        order.then_ends(State.COMPLETED)
    assert str(failure.value).splitlines() == [
        "Unexpected result.",
        "expected:",
        "  completed",
        "actual:",
        "  compensated: take_payment: no answer within 15 min",
        "history:",
        "  0:00:00  Order.Placed received",
        "             the saga queues for customer:900",
        "             the saga requests: reserve_stock (ReserveStock)",
        "           Reservation.Made received",
        "             the saga requests: take_payment (TakePayment)",
        "  0:15:00  the time limit of take_payment expires",
        "             take_payment is of unknown outcome: it may or may not be done",
        "             the saga requests: undo take_payment (RefundPayment)",
        "           Payment.Refunded received",
        "             the saga requests: undo reserve_stock (ReleaseStock)",
        "           Reservation.Released received",
        "             the saga requests: finally cancel_order (CancelOrder)",
        "             the saga has ended, compensated: take_payment: no answer within 15 min",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda order: order.then_ends(State.COMPENSATED),
        lambda order: order.then_ends(State.COMPLETED, "a reason"),
        lambda order: order.then_parks("take_payment"),
        lambda order: order.then_waits("take_payment"),
        lambda order: order.then_asked(ReserveStock),
        lambda order: order.then_timers("take_payment"),
        lambda order: order.then_in_place("reserve_stock"),
    ],
    ids=["end", "reason", "parked", "waits", "asked", "timers", "in place"],
)
def test_a_wrong_expectation_fails(order: Scenario, wrong: object) -> None:
    order.happens(PLACED)
    assert callable(wrong)
    with pytest.raises(AssertionError, match="Unexpected result"):
        wrong(order)


def test_an_expectation_before_the_start_fails(order: Scenario) -> None:
    with pytest.raises(AssertionError, match="a saga\nactual:\n  nothing"):
        order.then_ends(State.COMPLETED)


def test_an_unknown_step_is_refused(order: Scenario) -> None:
    with pytest.raises(TypeError, match=r"OrderFulfilment has no take_money: reserve_stock"):
        order.when_asked_for("take_money")


# A whole system.


@pytest.fixture
def shop() -> Iterator[Scenario]:
    """The real shop, with its own applications, gateway and read tables."""
    with Scenario(system) as scenario:
        scenario.gives(ReceiveStock(sku="A1", quantity=5))
        yield scenario


def place(shop: Scenario, method: str = "pm_card_visa") -> None:
    lines = PLACED.fields["lines"]
    shop.gives(
        PlaceOrder(
            order_id=ORDER, customer_id="900", lines=lines, payment_method=method, ship_to=SHIP_TO
        )
    )


def status(shop: Scenario) -> str:
    (row,) = shop.rows(OrderList)
    return str(row["status"])


def test_a_command_is_followed_to_its_end_without_threads(shop: Scenario) -> None:
    before = set(threading.enumerate())
    place(shop)
    assert set(threading.enumerate()) <= before, "a thread of an earlier test may end meanwhile"
    assert status(shop) == "completed"
    shop.then_ends(State.COMPLETED).then_asked(*FORWARD).then_no_timers()


def test_ports_and_timers_use_the_same_clock(shop: Scenario) -> None:
    place(shop, "pm_timeout")
    shop.then_timers("take_payment", f"settle:{ORDER}")
    shop.pass_time(minutes=14)
    assert status(shop) == "placed"
    shop.pass_time(minutes=1).then_ends(State.COMPENSATED).then_no_timers()
    assert status(shop) == "cancelled"


def test_a_stopped_application_catches_up(shop: Scenario) -> None:
    with shop.stopped(Payments):
        place(shop)
        shop.pass_time(minutes=14)
        shop.then_waits("take_payment")
    shop.then_ends(State.COMPLETED)


def test_a_step_of_an_application_that_is_stopped_too_long_is_undone(shop: Scenario) -> None:
    with shop.stopped(Payments):
        place(shop)
        shop.pass_time(minutes=15)
        shop.then_waits("take_payment").then_asked(ReserveStock, TakePayment, RefundPayment)
    shop.then_ends(State.COMPENSATED)
    assert status(shop) == "cancelled"


def test_answers_and_events_of_a_system_cannot_be_scripted(shop: Scenario) -> None:
    with pytest.raises(TypeError, match="answer for themselves"):
        shop.when_asked_for("take_payment")
    with pytest.raises(TypeError, match="issue a command"):
        shop.happens(PLACED)
    with pytest.raises(TypeError, match="that an application of the system handles"):
        shop.gives(Unknown())
    assert shop.get(Payments).now() == LONG_AGO


class Unknown(ReceiveStock):
    sku: str = "A1"
    quantity: int = 1
