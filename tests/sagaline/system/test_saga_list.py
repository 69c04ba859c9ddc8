"""The list of saga instances: state, step, remaining steps and reason of each."""

from typing import Any

from domain.order import Order
from domain.payment import PaymentCaptured, PaymentDeclined, PaymentRefunded, RefundRefused
from domain.reservation import StockDispatched, StockRefused, StockReleased, StockReserved
from domain.shipment import ShipmentBooked, ShipmentRefused
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.interventions import Operator
from sagaline.system.saga_list import SagaList
from sagaline.testing import LONG_AGO, SOMEONE, given
from sagaline.testing.given.read_models import ProjectedRows
from sagaline.testing.given.sagas import GivenSaga
from sagas.order_fulfilment import OrderFulfilment
from tests.sagaline.saga.test_engine import stuck_car
from tests.sagas.party import (
    BAND,
    HALL,
    SMALL,
    BandBusy,
    GiveParty,
    MenusPrinted,
    Party,
    PartyPaid,
)
from tests.sagas.shop import ORDER, PLACED
from tests.sagas.trip import FlightCancelled, HotelCancelled

SAGA = journal_id("OrderFulfilment", str(ORDER))
STEPS = ["reserve_stock", "take_payment", "book_shipment", "dispatch_stock", "complete_order"]


def paid() -> GivenSaga:
    """A saga that has issued BookShipment."""
    return given(OrderFulfilment, PLACED, StockReserved).when(PaymentCaptured, reference="ch_1")


def listed(story: GivenSaga) -> ProjectedRows:
    """The list after the events of this story, the last of them in a batch of its own."""
    events: list[Any] = story.events
    return given(SagaList, *events[:-1]).when(events[-1]).then_rows(1)


def row(story: GivenSaga) -> dict[str, Any]:
    (found,) = listed(story).rows
    return {name: found[name] for name in ("state", "step", "remaining", "reason")}


def after(*steps: str) -> str:
    return ", ".join(steps)


def test_a_started_saga_is_listed_with_its_remaining_steps() -> None:
    story = given(OrderFulfilment, PLACED)
    listed(story).then_row(SAGA, name="OrderFulfilment", key=str(ORDER), ended_at=None)
    assert row(story) == {
        "state": "running",
        "step": "reserve_stock",
        "remaining": after(*STEPS[1:]),
        "reason": "",
    }


def test_a_step_that_is_started_does_not_remain() -> None:
    story = paid()
    assert row(story)["step"] == "book_shipment"
    assert row(story)["remaining"] == after(*STEPS[3:])
    story = story.when(ShipmentBooked, tracking_number="SL1").when(StockDispatched)
    assert (row(story)["step"], row(story)["remaining"]) == ("complete_order", "")


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
        "remaining": "reserve_stock",
        "reason": "undeliverable address",
    }
    story = story.when(PaymentRefunded)
    assert (row(story)["step"], row(story)["remaining"]) == ("reserve_stock", "")
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
        "remaining": "",
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
    journal.start_late(SMALL.to_event(Party, SOMEONE, 1), "f", GiveParty.steps)
    course.start()
    events: Any = journal.collect_events()
    (found,) = given(SagaList, *events[:-1]).when(events[-1]).then_rows(1).rows
    assert (found["key"], found["step"]) == ("Ada", "book_hall")


def test_parallel_steps_remain_until_they_are_started() -> None:
    story = given(GiveParty, SMALL)
    assert row(story)["remaining"] == "order_cake, pay, invite, print_menus, open_doors"
    assert row(story.when(HALL))["remaining"] == "pay, invite, print_menus, open_doors"
    refused = story.when(HALL).when(BandBusy, reason="on tour")
    assert row(refused) == {
        "state": "compensating",
        "step": "book_hall",
        "remaining": "",
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


def test_a_saga_parked_at_an_undo_has_no_other_step_to_undo() -> None:
    story = stuck_car().when(HotelCancelled).when(FlightCancelled).then_parks("rent_car")
    found = row(story)
    assert (found["state"], found["step"], found["remaining"]) == ("parked", "rent_car", "")
