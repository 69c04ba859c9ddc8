"""The list of saga instances: state, step, remaining steps and reason of each."""

from typing import Any

from domain.order import Order
from domain.payment import PaymentCaptured, PaymentDeclined, PaymentRefunded, RefundRefused
from domain.reservation import StockDispatched, StockRefused, StockReleased, StockReserved
from domain.shipment import ShipmentBooked, ShipmentRefused
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.interventions import Interventions, Operator
from sagaline.system import saga_plan as plan
from sagaline.system.saga_list import SagaList
from sagaline.testing import LONG_AGO, SOMEONE, given
from sagaline.testing.given.read_models import ProjectedRows
from sagaline.testing.given.sagas import GivenSaga
from sagas.order_fulfilment import OrderFulfilment
from tests.sagaline.saga.test_engine import stuck_car, undoing
from tests.sagas.party import (
    BAND,
    HALL,
    LARGE,
    SMALL,
    BandBusy,
    CakeOrdered,
    GiveParty,
    MenusPrinted,
    Party,
    PartyNotPaid,
    PartyPaid,
)
from tests.sagas.shop import ORDER, PLACED
from tests.sagas.trip import BookTrip, FlightCancelled, HotelCancelled

SAGA = journal_id("OrderFulfilment", str(ORDER))
SAGAS = {each.__name__: each for each in (OrderFulfilment, GiveParty, BookTrip)}
STEPS = ["reserve_stock", "take_payment", "book_shipment", "dispatch_stock", "complete_order"]


def paid() -> GivenSaga:
    """A saga that has issued BookShipment."""
    return given(OrderFulfilment, PLACED, StockReserved).when(PaymentCaptured, reference="ch_1")


def listed(story: GivenSaga) -> ProjectedRows:
    """The list after the events of this story, the last of them in a batch of its own."""
    events: list[Any] = story.events
    return given(SagaList, *events[:-1]).when(events[-1]).then_rows(1)


def row(story: GivenSaga) -> dict[str, Any]:
    """The row of the instance; what remains is what `sagas show` says, at each moment."""
    (found,) = listed(story).rows
    saga = SAGAS[story.journal.saga]
    assert found["remaining"] == after(*Interventions(saga, story.journal, {}).remaining())
    return {name: found[name] for name in ("state", "step", "remaining", "reason")}


def after(*steps: str) -> str:
    return ", ".join(steps)


def test_a_started_saga_is_listed_with_its_remaining_steps() -> None:
    story = given(OrderFulfilment, PLACED)
    listed(story).then_row(SAGA, name="OrderFulfilment", key=str(ORDER), ended_at=None)
    assert row(story) == {
        "state": "running",
        "step": "reserve_stock",
        "remaining": after(*STEPS),
        "reason": "",
    }


def test_a_step_remains_until_it_is_done() -> None:
    story = paid()
    assert row(story)["step"] == "book_shipment"
    assert row(story)["remaining"] == after(*STEPS[2:])
    story = story.when(ShipmentBooked, tracking_number="SL1").when(StockDispatched)
    assert (row(story)["step"], row(story)["remaining"]) == ("complete_order", "complete_order")


def test_a_completed_saga_has_an_end_and_no_remaining_steps() -> None:
    story = paid().when(ShipmentBooked, tracking_number="SL1")
    story = story.when(StockDispatched).when(Order.Completed, placed_at=LONG_AGO)
    (found,) = listed(story).rows
    assert (found["state"], found["remaining"], found["reason"]) == ("completed", "", "")
    assert found["ended_at"] >= found["started_at"]


def test_a_compensating_saga_has_a_reason_and_the_steps_to_undo() -> None:
    story = paid()
    story = story.when(ShipmentRefused, reason="undeliverable address")
    assert row(story) == {
        "state": "compensating",
        "step": "take_payment",
        "remaining": "take_payment, reserve_stock",
        "reason": "undeliverable address",
    }
    story = story.when(PaymentRefunded)
    assert (row(story)["step"], row(story)["remaining"]) == ("reserve_stock", "reserve_stock")
    story = story.when(StockReleased)
    assert (row(story)["state"], row(story)["remaining"]) == ("compensated", "")
    assert row(story)["reason"] == "undeliverable address"


def test_a_refusal_of_the_first_step_ends_the_saga() -> None:
    story = given(OrderFulfilment, PLACED).when(StockRefused, reason="unknown SKU A1")
    assert (row(story)["state"], row(story)["reason"]) == ("compensated", "unknown SKU A1")


def test_a_parked_saga_has_its_step_and_reason() -> None:
    story = paid()
    story = story.when(ShipmentRefused, reason="undeliverable address")
    story = story.when(RefundRefused, reason="refund refused").when_pause_ends("take_payment")
    assert row(story)["state"] == "compensating"
    story = story.when(RefundRefused, reason="refund refused").when_pause_ends("take_payment")
    story = story.when(RefundRefused, reason="refund refused").when(StockReleased)
    assert row(story) == {
        "state": "parked",
        "step": "take_payment",
        "remaining": "take_payment",
        "reason": "refund refused",
    }


def test_a_saga_that_retries_after_a_fault_is_running() -> None:
    story = given(OrderFulfilment, PLACED, StockReserved).when_fault("take_payment")
    story = story.when_pause_ends("take_payment")
    assert (row(story)["state"], row(story)["step"]) == ("running", "take_payment")
    story = story.when(PaymentDeclined, reason="card declined")
    assert (row(story)["state"], row(story)["reason"]) == ("compensating", "card declined")


def test_an_event_that_is_noted_only_changes_no_row() -> None:
    story = given(OrderFulfilment, PLACED, StockReserved)
    assert row(story.when(StockReserved)) == row(story)


def test_a_saga_whose_answer_came_first_is_listed_from_its_start_on() -> None:
    journal = Journal.await_start("GiveParty", "Ada")
    course = SagaEngine(GiveParty, journal, {})
    course.handle_answer(BAND.to_event(Party, SOMEONE, 1))
    journal.start_late(SMALL.to_event(Party, SOMEONE, 1), "f", saga_declaration(GiveParty).steps)
    course.start()
    events: Any = journal.collect_events()
    (found,) = given(SagaList, *events[:-1]).when(events[-1]).then_rows(1).rows
    assert (found["key"], found["step"]) == ("Ada", "book_hall")


def test_parallel_steps_remain_until_they_are_done() -> None:
    story = given(GiveParty, SMALL)
    left = "pay, invite, print_menus, open_doors"
    assert row(story)["remaining"] == f"book_hall, hire_band, order_cake, {left}"
    assert row(story.when(HALL))["remaining"] == f"hire_band, {left}"
    refused = story.when(HALL).when(BandBusy, reason="on tour")
    assert row(refused) == {
        "state": "compensating",
        "step": "book_hall",
        "remaining": "book_hall",
        "reason": "on tour",
    }
    waiting = story.when(BandBusy, reason="on tour")
    assert (row(waiting)["state"], row(waiting)["remaining"]) == ("compensating", "book_hall")


def test_a_saga_that_is_cancelled_or_resumed_by_an_operator_shows_it() -> None:
    cancelled = given(GiveParty, SMALL).when_operator(lambda saga: saga.cancel(Operator("Eve")))
    assert row(cancelled)["state"] == "compensating"
    assert row(cancelled)["reason"] == "cancelled by Eve"
    stuck = given(GiveParty, SMALL, HALL, BAND, PartyPaid, MenusPrinted).when_fault("invite")
    parked = stuck.when_pause_ends("invite").when_fault("invite", "no stamps")
    assert row(parked)["state"] == "parked"
    resumed = row(parked.when_operator(lambda saga: saga.retry(Operator("Eve"))))
    assert (resumed["state"], resumed["step"], resumed["reason"]) == ("running", "invite", "")


def test_an_abandoned_saga_has_the_operator_and_the_reason() -> None:
    story = paid().when_operator(lambda saga: saga.abandon(Operator("Eve", "the shop burnt down")))
    assert row(story) == {
        "state": "abandoned",
        "step": "book_shipment",
        "remaining": "",
        "reason": "abandoned by Eve: the shop burnt down",
    }


def test_the_undo_at_which_a_saga_is_parked_remains() -> None:
    story = stuck_car().when(HotelCancelled).when(FlightCancelled).then_parks("rent_car")
    found = row(story)
    row(story.when_operator(lambda saga: saga.skip("rent_car", Operator("Eve"))))
    row(story.when_operator(lambda saga: saga.retry(Operator("Eve"))))
    assert (found["state"], found["step"], found["remaining"]) == ("parked", "rent_car", "rent_car")


def test_steps_are_undone_in_the_order_of_their_starts_and_only_those_with_an_undo() -> None:
    refused = given(GiveParty, LARGE, HALL).when(BAND).when(CakeOrdered, price=90)
    refused = refused.when(PartyNotPaid, reason="no money")
    assert row(refused)["remaining"] == "order_cake, hire_band, book_hall"
    early = given(GiveParty, LARGE).when(BAND).when(HALL)
    assert row(early)["remaining"].startswith("order_cake, pay")
    no_visa = undoing()
    assert row(no_visa)["remaining"] == "rent_car, book_hotel, book_flight"


def test_a_row_of_an_earlier_version_goes_on() -> None:
    assert plan.with_started("a, b, c", "b", "b, c") == "a, b, c; a; b"
    assert plan.to_undo("a, b, c", "c") == ["b", "a"]
    assert plan.to_undo(plan.begun("abc", "b"), "a, b, c") == []
    assert plan.ended(plan.turned(plan.with_started(plan.begun("abc", "b"), "a", ""))) == "a, b, c"
