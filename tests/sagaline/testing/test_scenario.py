"""Scenarios: what a test of a system, or of a saga with time that passes, can say."""

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


def test_without_a_word_participants_do_what_they_are_asked(order: Scenario) -> None:
    order.happens(PLACED).then_ends(State.COMPLETED).then_asked(*FORWARD).then_no_timers()
    order.then_in_place(
        "reserve_stock", "take_payment", "book_shipment", "dispatch_stock", "complete_order"
    )


def test_a_refusal_undoes_what_was_done_and_says_why(order: Scenario) -> None:
    order.when_asked_for("take_payment").refuses("card declined")
    order.happens(PLACED).then_ends(State.COMPENSATED, "card declined")
    order.then_asked(*PAID, ReleaseStock, CancelOrder).then_in_place()


def test_a_fault_is_tried_again_when_its_pause_is_over(order: Scenario) -> None:
    order.when_asked_for("take_payment").faults(times=2)
    order.happens(PLACED).then_waits("take_payment").then_timers("take_payment", "take_payment")
    order.pass_time(seconds=0.9).then_asked(*PAID)
    order.pass_time(seconds=0.1).then_asked(*PAID, TakePayment).then_waits("take_payment")
    order.pass_time(seconds=2).then_ends(State.COMPLETED).then_no_timers()


def test_the_time_of_a_step_covers_its_retries_and_does_not_begin_anew_with_them() -> None:
    with Scenario(BookTrip) as trip:
        trip.when_asked_for("book_flight").faults(times=2).is_silent()
        trip.happens(Trip.Wanted, traveller="Ada").pass_time(minutes=4, seconds=59)
        trip.then_asked(CheckVisa, BookFlight, BookFlight, BookFlight).then_waits("book_flight")
        trip.pass_time(seconds=1)
        trip.then_ends(State.COMPENSATED, "book_flight: no answer within 5 min")


def test_a_late_answer_finds_its_effect_taken_back(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_late(minutes=20)
    order.happens(PLACED).pass_time(minutes=14).then_waits("take_payment")
    order.then_in_place("reserve_stock", "take_payment")
    order.pass_time(minutes=1).then_ends(State.COMPENSATED).then_in_place()
    order.pass_time(minutes=5).then_ends(State.COMPENSATED).then_in_place()


def test_a_pending_answer_comes_when_it_comes(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=3)
    order.happens(PLACED).then_in_place("reserve_stock").then_timers("take_payment")
    order.pass_time(minutes=2.9).then_waits("take_payment")
    order.pass_time(minutes=0.1).then_ends(State.COMPLETED)


def test_what_is_pending_when_it_is_undone_is_never_done(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=16)
    order.happens(PLACED).pass_time(hours=1).then_ends(State.COMPENSATED).then_in_place()


def test_an_answer_that_comes_twice_changes_nothing(order: Scenario) -> None:
    order.when_asked_for("reserve_stock").answers_twice()
    order.happens(PLACED).then_ends(State.COMPLETED).then_asked(*FORWARD)


def test_what_is_stuck_waits_for_a_person_and_goes_on_when_it_is_mended(order: Scenario) -> None:
    order.when_asked_for("book_shipment").refuses("no such street")
    order.when_asked_to_undo("take_payment").is_down("bank closed")
    order.happens(PLACED).pass_time(hours=1).then_parks("take_payment", "bank closed")
    order.then_in_place("take_payment").then_no_timers()
    order.when_asked_to_undo("take_payment").is_mended()
    order.person(lambda saga: saga.retry(Operator("Eve")))
    order.then_ends(State.COMPENSATED, "no such street").then_in_place()
    refunds = [RefundPayment] * 3
    order.then_asked(*PAID, BookShipment, *refunds, ReleaseStock, RefundPayment, CancelOrder)


def test_where_an_undo_in_the_middle_fails_for_good_a_person_mends_it_and_each_is_undone_once() -> (
    None
):
    with Scenario(BookTrip) as trip:
        trip.when_asked_for("pay_trip").refuses("no money")
        trip.when_asked_to_undo("book_hotel").is_down("nobody at the desk")
        trip.happens(Trip.Wanted, traveller="Ada").pass_time(hours=1)
        trip.then_parks("book_hotel", "nobody at the desk").then_in_place("book_hotel")
        trip.when_asked_to_undo("book_hotel").is_mended()
        trip.person(lambda saga: saga.retry(Operator("Eve", "somebody is back")))
        trip.then_ends(State.COMPENSATED, "no money").then_in_place().then_no_timers()
        trip.then_asked(
            *(CheckVisa, BookFlight, BookHotel, RentCar, PayTrip),
            *(ReturnCar, CancelHotel, CancelHotel, CancelFlight),
            *(CancelHotel, TellTraveller),
        )


def test_attempts_are_told_one_after_another(order: Scenario) -> None:
    order.when_asked_for("book_shipment").faults().does_it()
    order.happens(PLACED).then_waits("book_shipment").pass_time(seconds=1)
    order.then_ends(State.COMPLETED)


def test_silence_at_a_step_without_a_time_limit_is_waited_out(order: Scenario) -> None:
    order.when_asked_for("book_shipment").is_silent()
    order.happens(PLACED).pass_time(days=30).then_waits("book_shipment").then_no_timers()


def test_an_answer_may_be_told_by_the_test_itself(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_silent()
    order.happens(PLACED).happens(PaymentCaptured, reference="R1").then_ends(State.COMPLETED)


def test_a_crash_loses_nothing(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=3)
    order.happens(PLACED).crashes().then_waits("take_payment")
    order.pass_time(minutes=3).crashes().then_ends(State.COMPLETED).then_asked(*FORWARD)


def test_several_instances_are_told_apart_by_their_keys(order: Scenario) -> None:
    other = UUID("00000000-0000-4000-8000-000000000043")
    order.happens(PLACED)
    order.when_asked_for("reserve_stock").refuses("sold out")
    order.happens(type(PLACED)(PLACED.event_class, {**PLACED.fields, "originator_id": other}))
    order.then_ends(State.COMPENSATED, "sold out", key=other)
    order.then_ends(State.COMPLETED, key=ORDER)


def test_what_failed_at_its_first_step_is_not_taken_up_again_by_any_restart(
    order: Scenario,
) -> None:
    order.when_asked_for("reserve_stock").refuses("sold out")
    order.happens(PLACED).then_ends(State.COMPENSATED, "sold out")
    order.will_crash(0, before=True)
    for _ in range(3):
        order.crashes().pass_time(days=1)
    assert order.commits == 0
    order.then_ends(State.COMPENSATED, "sold out").then_asked(ReserveStock, CancelOrder)


def test_who_wants_a_lock_that_another_one_has_waits_until_that_has_ended(order: Scenario) -> None:
    order.when_asked_for("take_payment").is_pending(minutes=3)
    second = UUID(int=2)
    order.happens(PLACED).then_waits("take_payment")
    order.happens(happened(PLACED.event_class, **{**PLACED.fields, "originator_id": second}))
    order.then_asked().then_waits()
    order.pass_time(minutes=3).then_ends(State.COMPLETED, key=ORDER)
    order.then_waits("take_payment", key=second)


def test_what_is_otherwise_than_expected_is_told_with_the_story_and_its_times(
    order: Scenario,
) -> None:
    order.when_asked_for("take_payment").is_late(minutes=20)
    order.happens(PLACED).pass_time(minutes=15)
    with pytest.raises(AssertionError) as failure:
        order.then_ends(State.COMPLETED)
    assert str(failure.value).splitlines() == [
        "Something else than expected.",
        "expected: it is completed",
        "came: it is compensated: take_payment: no answer within 15 min",
        "the story so far:",
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
def test_no_expectation_is_met_by_something_else(order: Scenario, wrong: object) -> None:
    order.happens(PLACED)
    assert callable(wrong)
    with pytest.raises(AssertionError, match="Something else than expected"):
        wrong(order)


def test_before_anything_has_happened_nothing_has_begun(order: Scenario) -> None:
    with pytest.raises(AssertionError, match="none has begun"):
        order.then_ends(State.COMPLETED)


def test_a_step_that_there_is_not_is_a_mistake_of_the_test(order: Scenario) -> None:
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


def test_a_command_has_all_its_consequences_at_once_and_without_threads(shop: Scenario) -> None:
    before = threading.active_count()
    place(shop)
    assert threading.active_count() == before
    assert status(shop) == "completed"
    shop.then_ends(State.COMPLETED).then_asked(*FORWARD).then_no_timers()


def test_time_passes_for_ports_and_timers_alike(shop: Scenario) -> None:
    place(shop, "pm_timeout")
    shop.then_timers("take_payment", f"settle:{ORDER}")
    shop.pass_time(minutes=14)
    assert status(shop) == "placed"
    shop.pass_time(minutes=1).then_ends(State.COMPENSATED).then_no_timers()
    assert status(shop) == "cancelled"


def test_an_application_may_be_away_for_a_while(shop: Scenario) -> None:
    with shop.away(Payments):
        place(shop)
        shop.pass_time(minutes=14)
        shop.then_waits("take_payment")
    shop.then_ends(State.COMPLETED)


def test_an_application_that_is_away_too_long_finds_its_part_undone(shop: Scenario) -> None:
    with shop.away(Payments):
        place(shop)
        shop.pass_time(minutes=15)
        shop.then_waits("take_payment").then_asked(ReserveStock, TakePayment, RefundPayment)
    shop.then_ends(State.COMPENSATED)
    assert status(shop) == "cancelled"


def test_an_application_answers_for_itself(shop: Scenario) -> None:
    with pytest.raises(TypeError, match="answer for themselves"):
        shop.when_asked_for("take_payment")
    with pytest.raises(TypeError, match="give it a command"):
        shop.happens(PLACED)
    with pytest.raises(TypeError, match="no application handles"):
        shop.gives(Unknown())
    assert shop.get(Payments).now() == LONG_AGO


class Unknown(ReceiveStock):
    sku: str = "A1"
    quantity: int = 1
