"""The kit that sagas are tested with says what was expected, what came, and how it came to that."""

from typing import Any

import pytest
from eventsourcing.domain import Aggregate

from domain.order import Order
from domain.payment import PaymentCaptured
from domain.reservation import StockDispatched, StockReserved
from domain.shipment import ShipmentBooked
from sagaline.messaging.commands import Command
from sagaline.messaging.retry import minutes
from sagaline.saga.definition import NO_EFFECT, Saga, step
from sagaline.saga.state import State
from sagaline.testing import given, happened
from sagaline.testing.given.aggregates import LONG_AGO
from sagas.order_fulfilment import OrderFulfilment
from tests.sagas.shop import ORDER, PLACED
from tests.sagas.trip import (
    FLIGHT,
    VISA,
    WANTED,
    BookFlight,
    BookTrip,
    CheckVisa,
    FlightBooked,
    FlightCancelled,
    FlightFull,
    HotelBooked,
    RentCar,
    SendTickets,
    TicketsSent,
    Trip,
    TripPaid,
    VisaFound,
    VisaMissing,
)

FLY = BookFlight(traveller="Ada")


def failure(check: Any) -> list[str]:
    with pytest.raises(AssertionError) as failed:
        check()
    return str(failed.value).splitlines()


def test_another_command_is_told_with_the_story_so_far() -> None:
    story = given(BookTrip, WANTED).when(VisaFound, number="V1")
    assert failure(lambda: story.then(BookFlight(traveller="Bob"))) == [
        "Something else than expected.",
        "expected:",
        "  BookFlight(traveller='Bob')",
        "came:",
        "  BookFlight(traveller='Ada')",
        "the story so far:",
        "  Trip.Wanted(traveller='Ada') -> CheckVisa",
        "  VisaFound(number='V1') -> BookFlight",
    ]


def test_a_command_too_many_and_one_too_few_are_told() -> None:
    story = given(BookTrip, WANTED)
    assert "  nothing" in failure(lambda: story.then())
    told = failure(lambda: story.then(CheckVisa(traveller="Ada"), FLY))
    assert told[1:5] == [
        "expected:",
        "  CheckVisa(traveller='Ada')",
        "  BookFlight(traveller='Ada')",
        "came:",
    ]


def test_ids_of_commands_do_not_count() -> None:
    story = given(BookTrip, WANTED, VISA)
    story.then(FLY).then(BookFlight(traveller="Ada"))


def test_one_beginning_serves_several_questions() -> None:
    story = given(BookTrip, WANTED, VISA)
    story.when(FlightFull, reason="full").then_ends(State.COMPENSATED, "full")
    story.when(FLIGHT).then_waits("book_hotel")
    story.then(FLY).then_waits("book_flight")


def test_history_may_be_events_or_told_or_classes_alone() -> None:
    wanted = given(BookTrip, WANTED).journal.received[Trip.Wanted]
    story = given(BookTrip, wanted, happened(VisaFound, number="V1")).when(FLIGHT)
    story.when(HotelBooked).then(RentCar(traveller="Ada"))


def test_fields_are_filled_in_from_the_start_and_from_the_commands_of_the_step() -> None:
    class Seen(Aggregate.Event):
        traveller: str
        purpose: str
        note: str

    class Look(Command):
        purpose: str = "pleasure"

    class Visit(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
        @step(done=Seen, kind=NO_EFFECT)
        def see(self) -> Look:
            return Look()

    story = given(Visit, WANTED).when(Seen, note="fine").then_ends(State.COMPLETED)
    seen = story.journal.received[Seen]
    assert (seen.traveller, seen.purpose, seen.note) == ("Ada", "pleasure", "fine")


def test_an_event_of_the_aggregate_that_started_the_saga_is_one_of_the_same() -> None:
    placed = given(OrderFulfilment, PLACED, StockReserved)
    story = placed.when(PaymentCaptured, reference="R1").when(ShipmentBooked, tracking_number="T1")
    story = story.when(StockDispatched).when(Order.Completed, placed_at=LONG_AGO)
    assert story.journal.received[Order.Completed].originator_id == ORDER


def test_an_event_that_cannot_be_filled_in_is_a_mistake_of_the_test() -> None:
    with pytest.raises(TypeError, match="VisaFound is told with its number"):
        given(BookTrip, WANTED).when(VisaFound)
    with pytest.raises(TypeError, match="Wanted is told with its traveller"):
        given(BookTrip, Trip.Wanted)


def test_a_story_begins_with_the_start() -> None:
    with pytest.raises(TypeError, match=r"the story of BookTrip begins with Trip\.Wanted"):
        given(BookTrip, VISA)


def test_an_event_that_the_saga_does_not_listen_for_is_a_mistake_of_the_test() -> None:
    class Unheard(VisaFound):
        pass

    with pytest.raises(TypeError, match=r"BookTrip does not listen for .*Unheard"):
        given(BookTrip, WANTED).when(Unheard, number="V1")


def test_facts_belong_to_a_class_and_not_to_an_event() -> None:
    with pytest.raises(TypeError, match="facts belong to an event class"):
        given(BookTrip, WANTED).when(VISA, number="V2")


def test_nothing_may_be_what_comes() -> None:
    story = given(BookTrip, WANTED, VISA)
    story.when(VISA).then_nothing()
    assert "  BookFlight" in failure(story.then_nothing)
    refused = given(BookTrip, WANTED).when(VisaMissing, reason="none")
    assert "  ends compensated: none" in failure(refused.then_nothing)


def test_another_end_is_told() -> None:
    story = given(BookTrip, WANTED).when(VisaMissing, reason="none")
    told = failure(lambda: story.then_ends(State.COMPLETED))
    assert told[1:5] == ["expected:", "  ends completed", "came:", "  ends compensated: none"]
    told = failure(lambda: story.then_ends(State.COMPENSATED, "full"))
    assert "  ends compensated: full" in told


def test_no_end_and_another_step_are_told() -> None:
    story = given(BookTrip, WANTED, VISA)
    assert "  waits for book_flight" in failure(lambda: story.then_ends(State.COMPLETED))
    assert "  waits for book_flight" in failure(lambda: story.then_waits("rent_car"))
    assert "  waits for book_flight" in failure(lambda: story.then_parks("rent_car"))


def test_another_reason_of_a_parked_saga_is_told() -> None:
    story = given(BookTrip, WANTED, VISA, FLIGHT).when_fault("book_hotel")
    story = story.when_pause_ends("book_hotel").when_fault("book_hotel", "down")
    for reason in ("down", "still down"):
        story = story.when_fault("book_hotel", reason)
        if story.timers:
            story = story.when_pause_ends("book_hotel")
    story = story.when(happened(FlightCancelled))
    story.then_parks("book_hotel", "still down")
    assert "  parks at book_hotel: still down" in failure(
        lambda: story.then_parks("book_hotel", "tired")
    )


def test_another_timer_is_told() -> None:
    story = (
        given(BookTrip, WANTED).then_timer("check_visa", 60).then_timer("check_visa", minutes(1))
    )
    told = failure(lambda: story.then_timer("check_visa", 61))
    assert told[1:5] == [
        "expected:",
        "  check_visa in 0:01:01",
        "came:",
        "  check_visa in 0:01:00 (time limit)",
    ]
    assert "  check_visa in 0:01:00 (time limit)" in failure(story.then_no_timers)


def test_time_that_does_not_run_cannot_run_out() -> None:
    story = given(BookTrip, WANTED, VISA, FLIGHT)
    assert "  book_hotel (time limit) is pending" in failure(
        lambda: story.when_time_runs_out("book_hotel")
    )
    assert "  book_hotel (pause) is pending" in failure(lambda: story.when_pause_ends("book_hotel"))


def test_a_command_that_was_not_given_cannot_fault() -> None:
    told = failure(lambda: given(BookTrip, WANTED).when_fault("rent_car"))
    assert "  a command for rent_car" in told


def test_a_step_that_asks_for_what_was_not_heard_is_told_as_it_happened() -> None:
    class Hasty(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
        @step(done=TicketsSent, kind=NO_EFFECT)
        def send(self) -> SendTickets:
            return SendTickets(traveller=self.key, seat=self[FlightBooked].seat)

    with pytest.raises(KeyError):
        given(Hasty, WANTED)


def test_the_story_tells_attempts_and_time() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight", "down")
    story = story.when_pause_ends("book_flight").when_time_runs_out("book_flight")
    assert failure(lambda: story.when(TripPaid).then(FLY))[-5:] == [
        "  VisaFound(number='V1') -> BookFlight",
        "  book_flight faults: down -> nothing",
        "  the pause of book_flight is over -> BookFlight (attempt 2)",
        "  the time limit of book_flight is over -> CancelFlight",
        "  TripPaid -> nothing",
    ]
