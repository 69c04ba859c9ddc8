"""`given(SagaClass)`: expectations about commands, timers and ends, and their failure messages."""

from typing import Any

import pytest
from eventsourcing.domain import Aggregate, DomainEvent

from domain.order import Order
from domain.payment import PaymentCaptured
from domain.reservation import StockDispatched, StockReserved
from domain.shipment import ShipmentBooked
from sagaline.messaging.commands import Command
from sagaline.messaging.retry import minutes
from sagaline.saga.definition import NO_EFFECT, Saga, step
from sagaline.saga.state import State
from sagaline.testing import given, happened
from sagaline.testing.given.happened import LONG_AGO
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


def test_a_failure_shows_the_commands_and_the_history() -> None:
    saga = given(BookTrip, WANTED).when(VisaFound, number="V1")
    assert failure(lambda: saga.then(BookFlight(traveller="Bob"))) == [
        "Unexpected result.",
        "expected:",
        "  BookFlight(traveller='Bob')",
        "actual:",
        "  BookFlight(traveller='Ada')",
        "history:",
        "  Trip.Wanted(traveller='Ada') -> CheckVisa",
        "  VisaFound(number='V1') -> BookFlight",
    ]


def test_a_surplus_command_and_a_missing_command_fail() -> None:
    saga = given(BookTrip, WANTED)
    assert "  nothing" in failure(lambda: saga.then())
    lines = failure(lambda: saga.then(CheckVisa(traveller="Ada"), FLY))
    assert lines[1:5] == [
        "expected:",
        "  CheckVisa(traveller='Ada')",
        "  BookFlight(traveller='Ada')",
        "actual:",
    ]


def test_command_ids_are_not_compared() -> None:
    saga = given(BookTrip, WANTED, VISA)
    saga.then(FLY).then(BookFlight(traveller="Ada"))


def test_one_history_continues_in_several_ways() -> None:
    saga = given(BookTrip, WANTED, VISA)
    saga.when(FlightFull, reason="full").then_ends(State.COMPENSATED, "full")
    saga.when(FLIGHT).then_waits("book_hotel")
    saga.then(FLY).then_waits("book_flight")


def test_history_is_events_or_declared_events_or_classes() -> None:
    wanted = given(BookTrip, WANTED).journal.received[Trip.Wanted]
    saga = given(BookTrip, wanted, happened(VisaFound, number="V1")).when(FLIGHT)
    saga.when(HotelBooked).then(RentCar(traveller="Ada"))


def test_fields_are_filled_in_from_the_start_event_and_the_commands_of_the_step() -> None:
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

    saga = given(Visit, WANTED).when(Seen, note="fine").then_ends(State.COMPLETED)
    seen = saga.journal.received[Seen]
    assert (seen.traveller, seen.purpose, seen.note) == ("Ada", "pleasure", "fine")


def test_an_event_of_the_class_that_started_the_saga_has_the_id_of_the_start() -> None:
    placed = given(OrderFulfilment, PLACED, StockReserved)
    saga = placed.when(PaymentCaptured, reference="R1").when(ShipmentBooked, tracking_number="T1")
    saga = saga.when(StockDispatched).when(Order.Completed, placed_at=LONG_AGO)
    assert saga.journal.received[Order.Completed].originator_id == ORDER


def test_an_event_whose_fields_cannot_be_filled_in_is_refused() -> None:
    with pytest.raises(TypeError, match="VisaFound needs its number"):
        given(BookTrip, WANTED).when(VisaFound)
    with pytest.raises(TypeError, match="Wanted needs its traveller"):
        given(BookTrip, Trip.Wanted)


def test_the_history_must_start_with_the_start_event() -> None:
    with pytest.raises(TypeError, match=r"the history of BookTrip must start with Trip\.Wanted"):
        given(BookTrip, VISA)


def test_an_event_that_the_saga_does_not_handle_is_refused() -> None:
    class Unhandled(DomainEvent):
        number: str

    with pytest.raises(TypeError, match=r"BookTrip does not handle .*Unhandled"):
        given(BookTrip, WANTED).when(Unhandled, number="V1")


def test_fields_beside_an_event_are_refused() -> None:
    with pytest.raises(TypeError, match="fields belong to an event class"):
        given(BookTrip, WANTED).when(VISA, number="V2")


def test_then_nothing_refuses_commands_and_ends() -> None:
    saga = given(BookTrip, WANTED, VISA)
    saga.when(VISA).then_nothing()
    assert "  BookFlight" in failure(saga.then_nothing)
    refused = given(BookTrip, WANTED).when(VisaMissing, reason="none")
    assert "  compensated: none" in failure(refused.then_nothing)


def test_a_failure_shows_another_end() -> None:
    saga = given(BookTrip, WANTED).when(VisaMissing, reason="none")
    lines = failure(lambda: saga.then_ends(State.COMPLETED))
    assert lines[1:5] == ["expected:", "  completed", "actual:", "  compensated: none"]
    lines = failure(lambda: saga.then_ends(State.COMPENSATED, "full"))
    assert "  compensated: full" in lines


def test_a_failure_shows_the_step_that_the_saga_waits_for() -> None:
    saga = given(BookTrip, WANTED, VISA)
    assert "  waiting for book_flight" in failure(lambda: saga.then_ends(State.COMPLETED))
    assert "  waiting for book_flight" in failure(lambda: saga.then_waits("rent_car"))
    assert "  waiting for book_flight" in failure(lambda: saga.then_parks("rent_car"))


def test_a_failure_shows_the_reason_of_a_parked_saga() -> None:
    saga = given(BookTrip, WANTED, VISA, FLIGHT).when_fault("book_hotel")
    saga = saga.when_pause_ends("book_hotel").when_fault("book_hotel", "down")
    for reason in ("down", "still down"):
        saga = saga.when_fault("book_hotel", reason)
        if saga.timers:
            saga = saga.when_pause_ends("book_hotel")
    saga = saga.when(happened(FlightCancelled))
    saga.then_parks("book_hotel", "still down")
    assert "  parked at book_hotel: still down" in failure(
        lambda: saga.then_parks("book_hotel", "tired")
    )


def test_a_failure_shows_the_pending_timers() -> None:
    saga = given(BookTrip, WANTED).then_timer("check_visa", 60).then_timer("check_visa", minutes(1))
    lines = failure(lambda: saga.then_timer("check_visa", 61))
    assert lines[1:5] == [
        "expected:",
        "  check_visa in 0:01:01",
        "actual:",
        "  check_visa in 0:01:00 (time limit)",
    ]
    assert "  check_visa in 0:01:00 (time limit)" in failure(saga.then_no_timers)


def test_a_timer_that_is_not_pending_cannot_fire() -> None:
    saga = given(BookTrip, WANTED, VISA, FLIGHT)
    assert "  a pending timer: book_hotel (time limit)" in failure(
        lambda: saga.when_time_runs_out("book_hotel")
    )
    assert "  a pending timer: book_hotel (pause)" in failure(
        lambda: saga.when_pause_ends("book_hotel")
    )


def test_a_command_that_was_not_issued_cannot_fault() -> None:
    lines = failure(lambda: given(BookTrip, WANTED).when_fault("rent_car"))
    assert "  a command for rent_car" in lines


def test_an_error_in_a_step_reaches_the_test() -> None:
    class Hasty(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
        @step(done=TicketsSent, kind=NO_EFFECT)
        def send(self) -> SendTickets:
            return SendTickets(traveller=self.key, seat=self[FlightBooked].seat)

    with pytest.raises(KeyError):
        given(Hasty, WANTED)


def test_the_history_shows_attempts_and_timers() -> None:
    saga = given(BookTrip, WANTED, VISA).when_fault("book_flight", "down")
    saga = saga.when_pause_ends("book_flight").when_time_runs_out("book_flight")
    assert failure(lambda: saga.when(TripPaid).then(FLY))[-5:] == [
        "  VisaFound(number='V1') -> BookFlight",
        "  book_flight faults: down -> nothing",
        "  the pause of book_flight ends -> BookFlight (attempt 2)",
        "  the time limit of book_flight ends -> CancelFlight",
        "  TripPaid -> nothing",
    ]
