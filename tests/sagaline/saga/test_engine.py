"""The decisions of the engine: each rule that the documentation promises, for a trip."""

from datetime import timedelta
from typing import Any

import pytest

from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.retry import Retry, minutes, seconds
from sagaline.messaging.timers import CancelTimer, SetTimer
from sagaline.saga.definition import PIVOT, Saga, step
from sagaline.saga.engine import SagaEngine
from sagaline.saga.instance import Journal
from sagaline.saga.state import Role, State
from sagaline.saga.step_timers import Timing
from sagaline.testing import given
from sagaline.testing.given.sagas import GivenSaga
from tests.sagas.trip import (
    ALL_BOOKED,
    FLIGHT,
    VISA,
    WANTED,
    BookFlight,
    BookHotel,
    BookTrip,
    CancelFlight,
    CancelHotel,
    CarKept,
    CarRented,
    CarReturned,
    CheckVisa,
    FlightBooked,
    FlightCancelled,
    FlightFull,
    HotelBooked,
    HotelCancelled,
    HotelFull,
    HotelKept,
    PayTrip,
    RentCar,
    ReturnCar,
    SendTickets,
    TellTraveller,
    TicketsSent,
    Trip,
    TripNotPaid,
    TripPaid,
    VisaFound,
    VisaMissing,
)

FLY = BookFlight(traveller="Ada")
NO_FLIGHT = CancelFlight(traveller="Ada", seat="12A")
STAY = BookHotel(traveller="Ada")
NO_STAY = CancelHotel(traveller="Ada")
RENT = RentCar(traveller="Ada")
NO_RENT = ReturnCar(traveller="Ada")
PAY = PayTrip(traveller="Ada")
SEND = SendTickets(traveller="Ada", seat="12A")


def sorry(reason: str) -> TellTraveller:
    return TellTraveller(traveller="Ada", reason=reason)


def requests(story: GivenSaga, step: str) -> list[Journal.Requested]:
    request_events = [each for each in story.events if isinstance(each, Journal.Requested)]
    return [each for each in request_events if each.step == step]


def recorded(story: GivenSaga) -> type:
    """The class of the event that was recorded last."""
    return type(story.events[-1])


# Forward.


def test_steps_are_requested_one_after_another_in_order_of_declaration() -> None:
    story = given(BookTrip, WANTED).then(CheckVisa(traveller="Ada"))
    story = story.when(VISA).then(FLY)
    story = story.when(FLIGHT).then(STAY)
    story = story.when(HotelBooked).then(RENT)
    story = story.when(CarRented).then(PAY)
    story = story.when(TripPaid).then(SEND)
    story.when(TicketsSent).then().then_ends(State.COMPLETED, "").then_no_timers()


def test_later_commands_read_received_events() -> None:
    story = given(BookTrip, WANTED, VISA).when(FlightBooked, seat="1C")
    (
        story.when(HotelBooked)
        .when(CarRented)
        .when(TripPaid)
        .then(SendTickets(traveller="Ada", seat="1C"))
    )


def test_a_time_limit_sets_a_timer_and_an_answer_cancels_it() -> None:
    waiting = given(BookTrip, WANTED, VISA).then_timer("book_flight", minutes(5))
    waiting.when(FLIGHT).then_waits("book_hotel").then_no_timers()


# A refusal.


def test_a_refusal_undoes_what_was_done_in_reverse_order_of_start() -> None:
    story = given(BookTrip, *ALL_BOOKED).when(TripNotPaid, reason="no money").then(NO_RENT)
    story = story.when(CarReturned).then(NO_STAY)
    story = story.when(HotelCancelled).then(NO_FLIGHT)
    (
        story.when(FlightCancelled)
        .then(sorry("no money"))
        .then_ends(State.COMPENSATED, "no money")
        .then_no_timers()
    )


def test_a_refused_step_is_not_undone() -> None:
    given(BookTrip, WANTED, VISA, FLIGHT).when(HotelFull, reason="full").then(NO_FLIGHT)


def test_a_refusal_of_the_first_step_ends_the_saga_without_undos() -> None:
    (
        given(BookTrip, WANTED)
        .when(VisaMissing, reason="no visa")
        .then(sorry("no visa"))
        .then_ends(State.COMPENSATED, "no visa")
    )


def test_a_step_without_effect_is_not_undone() -> None:
    refused = given(BookTrip, WANTED, VISA).when(FlightFull, reason="full")
    refused.then(sorry("full")).then_ends(State.COMPENSATED, "full")


# A fault is not a refusal.


def test_a_fault_is_retried_after_a_pause_with_the_same_command_id() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").then_nothing()
    story = story.then_timer("book_flight", seconds(2)).when_pause_ends("book_flight").then(FLY)
    first, second = requests(story, "book_flight")
    assert (first.command.id, first.attempt) == (second.command.id, 1)
    assert second.attempt == 2


def test_pauses_grow_with_each_fault() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight")
    story = story.when_pause_ends("book_flight").when_fault("book_flight")
    story.then_timer("book_flight", seconds(4))


def test_a_success_after_a_fault_continues_and_cancels_the_pause() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when(FLIGHT).then(STAY)
    story.then_no_timers()


def test_a_refusal_after_a_fault_compensates_and_cancels_the_pause() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when(FlightFull, reason="full")
    story.then(sorry("full")).then_no_timers()


def test_exhausted_retries_mean_unknown_so_the_step_is_undone_too() -> None:
    story = given(BookTrip, WANTED, VISA, FLIGHT).when_fault("book_hotel")
    story = story.when_pause_ends("book_hotel").when_fault("book_hotel", "still down")
    story = story.then(NO_STAY).then_no_timers().when(HotelCancelled).then(NO_FLIGHT)
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "still down")


def test_a_duplicate_of_a_fault_has_no_effect() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight")
    assert story.timers == story.when_fault("book_flight").then_nothing().timers
    again = story.when_fault("book_flight").when_fault("book_flight").when_pause_ends("book_flight")
    assert [each.attempt for each in requests(again, "book_flight")] == [1, 2]


def test_a_fault_of_an_earlier_attempt_has_no_effect() -> None:
    story = given(BookTrip, *ALL_BOOKED)
    (first,) = requests(story, "pay_trip")
    again = story.when_time_runs_out("pay_trip").then(PAY)
    late = again.when(CommandFaulted.of(first.command, first.attempt, "down")).then_nothing()
    late.then_waits("pay_trip")
    assert late.timers == again.timers


def test_a_fault_after_the_last_attempt_is_noted_without_effect() -> None:
    story = given(BookTrip, WANTED, VISA)
    (request,) = requests(story, "book_flight")
    undoing = story.when_time_runs_out("book_flight")
    late = undoing.when(CommandFaulted.of(request.command, 1, "down")).then_nothing()
    assert recorded(late) is Journal.Noted
    assert late.timers == {}
    late.when(FlightCancelled).then_ends(State.COMPENSATED)


# A timeout is not a refusal either.


def test_a_timeout_means_unknown_so_the_step_is_undone_too() -> None:
    story = given(BookTrip, WANTED, VISA, FLIGHT, HotelBooked).when_time_runs_out("rent_car")
    story = story.then(NO_RENT).then_no_timers()
    story = story.when(CarReturned).then(NO_STAY).when(HotelCancelled).then(NO_FLIGHT)
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "rent_car: no answer within 5 min")


def test_a_success_after_the_timeout_is_noted_without_effect() -> None:
    undoing = given(BookTrip, WANTED, VISA).when_time_runs_out("book_flight")
    late = undoing.then(CancelFlight(traveller="Ada", seat="any")).when(FLIGHT).then_nothing()
    assert recorded(late) is Journal.Noted
    assert FlightBooked not in late.journal.received
    late.when(FlightCancelled).then_ends(State.COMPENSATED)


def test_a_refusal_after_the_timeout_has_no_effect() -> None:
    undoing = given(BookTrip, WANTED, VISA).when_time_runs_out("book_flight")
    late = undoing.when(FlightFull, reason="full").then_nothing().when(FlightCancelled)
    late.then_ends(State.COMPENSATED, "book_flight: no answer within 5 min")


def test_the_time_limit_covers_the_retries_too() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight")
    story.then_timer("book_flight", minutes(5)).then_timer("book_flight", seconds(2))
    again = story.when_pause_ends("book_flight")
    assert len(again.timers) == 1
    again.then_timer("book_flight", minutes(5))
    story.when_time_runs_out("book_flight").then(
        CancelFlight(traveller="Ada", seat="any")
    ).then_no_timers()


def test_a_step_without_effect_is_not_undone_after_a_timeout() -> None:
    story = given(BookTrip, WANTED).when_time_runs_out("check_visa")
    story.then(sorry("check_visa: no answer within 1 min")).then_ends(State.COMPENSATED)


# The pivot.


def test_a_timeout_at_the_pivot_retries_with_the_same_command_id_and_a_new_limit() -> None:
    story = given(BookTrip, *ALL_BOOKED).when_time_runs_out("pay_trip").then(PAY)
    story.then_timer("pay_trip", minutes(10))
    first, second = requests(story, "pay_trip")
    assert first.command.id == second.command.id


def test_an_exhausted_pivot_parks_and_undoes_nothing() -> None:
    story = given(BookTrip, *ALL_BOOKED).when_time_runs_out("pay_trip")
    story = story.when_time_runs_out("pay_trip").then().then_no_timers()
    story.then_parks("pay_trip", "pay_trip: no answer within 10 min")


def test_faults_at_the_pivot_are_retried_and_then_park() -> None:
    story = given(BookTrip, *ALL_BOOKED).when_fault("pay_trip").when_pause_ends("pay_trip")
    story.then(PAY).when_fault("pay_trip", "down").then_parks("pay_trip", "down").then_no_timers()


def parked_at_the_pivot() -> GivenSaga:
    story = given(BookTrip, *ALL_BOOKED).when_time_runs_out("pay_trip")
    return story.when_time_runs_out("pay_trip").then_parks("pay_trip")


def test_a_late_success_at_the_pivot_goes_forward() -> None:
    story = parked_at_the_pivot().when(TripPaid).then(SEND).then_waits("send_tickets")
    assert story.journal.state is State.RUNNING


def test_a_late_refusal_at_the_pivot_compensates() -> None:
    story = parked_at_the_pivot().when(TripNotPaid, reason="no money").then(NO_RENT)
    assert story.journal.state is State.COMPENSATING
    story = story.when(CarReturned).when(HotelCancelled).when(FlightCancelled)
    story.then(sorry("no money")).then_ends(State.COMPENSATED, "no money")


def test_a_fault_of_a_parked_pivot_does_not_park_it_again() -> None:
    parked = parked_at_the_pivot()
    still = parked.when_fault("pay_trip", "down").then_nothing()
    still.then_parks("pay_trip", "pay_trip: no answer within 10 min")


def test_a_timeout_during_the_pause_at_the_pivot_cancels_the_pause() -> None:
    story = given(BookTrip, *ALL_BOOKED).when_fault("pay_trip").when_time_runs_out("pay_trip")
    story.then(PAY).then_timer("pay_trip", minutes(10))
    assert len(story.timers) == 1


# After the pivot.


def test_after_the_pivot_faults_are_retried_and_then_park_the_saga() -> None:
    story = given(BookTrip, *ALL_BOOKED, TripPaid)
    for _ in range(2):
        story = story.when_fault("send_tickets").when_pause_ends("send_tickets").then(SEND)
    story = story.when_fault("send_tickets", "no paper").then_parks("send_tickets", "no paper")
    story.when(TicketsSent).then_ends(State.COMPLETED)


def test_after_the_pivot_a_timeout_is_retried_and_then_parks_the_saga() -> None:
    story = given(BookTrip, *ALL_BOOKED, TripPaid)
    for _ in range(2):
        story = story.when_time_runs_out("send_tickets").then(SEND)
    story.when_time_runs_out("send_tickets").then_parks("send_tickets")


@pytest.mark.parametrize("refused", [VisaMissing, FlightFull, HotelFull, TripNotPaid])
def test_after_the_pivot_a_refusal_does_not_compensate(refused: type) -> None:
    paid = given(BookTrip, *ALL_BOOKED, TripPaid)
    paid.when(refused, reason="after all not").then_nothing().then_waits("send_tickets")


# Undoing.


def undoing() -> GivenSaga:
    """The car is being returned; the hotel and the flight are still booked."""
    return given(BookTrip, *ALL_BOOKED).when(TripNotPaid, reason="no money").then(NO_RENT)


def test_a_refused_undo_is_retried_after_a_pause_with_the_same_command_id() -> None:
    story = undoing().when(CarKept, reason="on the road").then_nothing()
    story = story.then_timer("rent_car", seconds(1)).when_pause_ends("rent_car").then(NO_RENT)
    first, second = (r for r in requests(story, "rent_car") if r.role is Role.UNDO)
    assert first.command.id == second.command.id
    assert (first.attempt, second.attempt) == (1, 2)
    assert story.journal.state is State.COMPENSATING


def test_an_undo_that_faults_is_retried_too() -> None:
    story = undoing().when_fault("rent_car").when_pause_ends("rent_car").then(NO_RENT)
    story.when(CarReturned).then(NO_STAY).then_no_timers()


def test_the_attempts_of_an_undo_are_counted_from_one() -> None:
    story = given(BookTrip, WANTED, VISA, FLIGHT, HotelBooked).when_fault("rent_car")
    story = story.when_pause_ends("rent_car").when_fault("rent_car").then(NO_RENT)
    story = story.when_fault("rent_car").then_timer("rent_car", seconds(1))
    story.when_pause_ends("rent_car").then(NO_RENT)


def test_a_duplicate_refusal_of_an_undo_has_no_effect() -> None:
    story = undoing().when(CarKept, reason="on the road")
    again = story.when(CarKept, reason="on the road").then_nothing()
    assert again.timers == story.timers
    assert recorded(again) is Journal.Noted


def stuck_car() -> GivenSaga:
    """The car cannot be returned; the hotel is being cancelled."""
    story = undoing().when(CarKept, reason="on the road").when_pause_ends("rent_car")
    return story.when(CarKept, reason="stolen").then(NO_STAY)


def test_after_the_last_attempt_at_an_undo_the_others_run_and_the_saga_parks() -> None:
    story = stuck_car().when(HotelCancelled).then(NO_FLIGHT)
    story.when(FlightCancelled).then().then_parks("rent_car", "stolen").then_no_timers()


def test_a_saga_parked_at_an_undo_ends_when_the_undo_is_done_late() -> None:
    parked = stuck_car().when(HotelCancelled).when(FlightCancelled).then_parks("rent_car")
    ended = parked.when(CarReturned).then(sorry("no money"))
    ended.then_ends(State.COMPENSATED, "no money")


def test_a_further_refusal_of_a_stuck_undo_does_not_park_the_saga_again() -> None:
    parked = stuck_car().when(HotelCancelled).when(FlightCancelled).then_parks("rent_car")
    still = parked.when(CarKept, reason="sold").then_nothing().then_parks("rent_car", "stolen")
    assert recorded(still) is Journal.Noted


def test_a_stuck_undo_that_is_done_late_waits_for_the_undo_in_flight() -> None:
    story = stuck_car().when(CarReturned).then_nothing().then_waits("book_hotel")
    story = story.when(HotelCancelled).then(NO_FLIGHT)
    story.when(FlightCancelled).then(sorry("no money")).then_ends(State.COMPENSATED)


def both_stuck() -> GivenSaga:
    story = stuck_car().when(HotelKept, reason="moved in").when_pause_ends("book_hotel")
    story = story.when(HotelKept, reason="rather not").then(NO_FLIGHT)
    return story.when(FlightCancelled)


def test_a_saga_with_several_stuck_undos_parks_until_all_are_done() -> None:
    parked = both_stuck().then_parks("book_hotel", "rather not")
    parked.when(HotelCancelled).then().then_parks("rent_car", "stolen")
    parked.when(CarReturned).then().then_parks("book_hotel", "rather not")
    parked.when(HotelCancelled).when(CarReturned).then_ends(State.COMPENSATED, "no money")


def test_the_reason_is_the_first_cause_of_the_compensation() -> None:
    story = stuck_car().when(HotelCancelled).when(FlightCancelled).when(CarReturned)
    story.then_ends(State.COMPENSATED, "no money")


# Duplicates, late and early events.


def test_a_duplicate_answer_is_noted_without_effect() -> None:
    story = given(BookTrip, WANTED, VISA, FLIGHT).when(FLIGHT).then_nothing()
    assert recorded(story) is Journal.Noted
    story.then_waits("book_hotel")


def test_answers_after_the_end_are_noted_without_effect() -> None:
    ended = given(BookTrip, *ALL_BOOKED, TripPaid, TicketsSent).then_ends(State.COMPLETED)
    for late in (TicketsSent, TripPaid, CarReturned):
        assert recorded(ended.when(late).then_nothing()) is Journal.Noted
    for reason in (TripNotPaid, CarKept):
        ended.when(reason, reason="late").then_nothing().then_ends(State.COMPLETED)
    ended.when_fault("send_tickets").then_nothing().then_no_timers()


def test_a_second_start_event_is_recorded_and_ignored() -> None:
    story = given(BookTrip, WANTED, VISA)
    again = story.when(WANTED).then_nothing().then_waits("book_flight")
    assert again.events[:-1] == story.events
    ignored = again.events[-1]
    assert isinstance(ignored, Journal.Ignored)
    assert (type(ignored.event), ignored.reason) == (Trip.Wanted, "it has already started")


def test_an_early_answer_is_kept_until_its_step_is_due() -> None:
    story = given(BookTrip, WANTED, VISA).when(HotelBooked).then_nothing()
    story.then_waits("book_flight").when(FLIGHT).then(RENT)


def test_a_step_that_was_done_early_is_undone() -> None:
    story = (
        given(BookTrip, WANTED, VISA).when(HotelBooked).when(FLIGHT).when_time_runs_out("rent_car")
    )
    story.then(NO_RENT).when(CarReturned).then(NO_STAY).when(HotelCancelled).then(NO_FLIGHT)


def test_an_early_refusal_compensates_when_its_step_is_due() -> None:
    story = given(BookTrip, WANTED, VISA).when(HotelFull, reason="full").then_nothing()
    story = story.when(FLIGHT).then(NO_FLIGHT).when(FlightCancelled)
    story.then_ends(State.COMPENSATED, "full")


def test_answers_in_any_order_complete_the_saga() -> None:
    story = given(BookTrip, WANTED).when(TicketsSent).when(TripPaid).when(CarRented)
    story = story.when(HotelBooked).when(FLIGHT).then_nothing()
    story.when(VISA).then().then_ends(State.COMPLETED)


def test_a_command_cannot_read_an_early_answer_before_its_step_is_due() -> None:
    story = given(BookTrip, WANTED).when(FLIGHT)
    assert FlightBooked not in story.journal.received
    assert FlightBooked in story.when(VISA).journal.received


def test_an_undo_is_requested_even_if_its_answer_came_early() -> None:
    story = given(BookTrip, WANTED, VISA).when(FlightCancelled).then_nothing().when(FLIGHT)
    story.when(HotelFull, reason="full").then(NO_FLIGHT)


# Late timers.


def engine_of(story: GivenSaga) -> tuple[Journal, SagaEngine]:
    journal = story.journal
    return journal, SagaEngine(BookTrip, journal, {})


@pytest.mark.parametrize(
    "story",
    [
        given(BookTrip, WANTED),
        given(BookTrip, WANTED, VISA, FLIGHT),
        given(BookTrip, WANTED, VISA).when_time_runs_out("book_flight"),
        given(BookTrip, WANTED, VISA).when(FlightFull, reason="full"),
        given(BookTrip, *ALL_BOOKED, TripPaid, TicketsSent),
    ],
    ids=["not requested", "done", "undoing", "refused", "ended"],
)
def test_a_late_timer_of_a_step_has_no_effect(story: GivenSaga) -> None:
    journal, engine = engine_of(story)
    engine.handle_timeout("book_flight")
    engine.handle_pause_end("book_flight")
    assert journal.collect_events() == []
    assert engine.timers == []


def test_a_duplicate_end_of_a_pause_uses_no_attempt() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_pause_ends("book_flight")
    journal, engine = engine_of(story)
    engine.handle_pause_end("book_flight")
    assert journal.collect_events() == []


def test_answers_and_timers_have_no_effect_on_an_abandoned_saga() -> None:
    journal, engine = engine_of(parked_at_the_pivot())
    journal.trigger_event(
        Journal.Ended, state=State.ABANDONED, reason="by hand: no such customer", answer=None
    )
    journal.collect_events()
    paid: Any = given(BookTrip, *ALL_BOOKED, TripPaid).journal.received[TripPaid]
    engine.handle_answer(paid)
    engine.handle_timeout("pay_trip")
    engine.handle_pause_end("pay_trip")
    assert [type(each) for each in journal.collect_events()] == [Journal.Noted]
    assert journal.state is State.ABANDONED


def test_steps_in_flight_of_an_abandoned_saga_neither_time_out_nor_retry() -> None:
    journal, engine = engine_of(given(BookTrip, WANTED, VISA).when_fault("book_flight"))
    journal.trigger_event(Journal.Ended, state=State.ABANDONED, reason="by hand", answer=None)
    journal.collect_events()
    engine.handle_timeout("book_flight")
    engine.handle_pause_end("book_flight")
    assert journal.collect_events() == []
    assert engine.timers == []


# The closing command.


def visa_refused() -> GivenSaga:
    return given(BookTrip, WANTED).when(VisaMissing, reason="no visa").then(sorry("no visa"))


def test_a_fault_of_the_closing_command_is_retried_with_the_same_command_id() -> None:
    story = visa_refused().when_fault("tell_traveller").then_nothing()
    story = story.then_timer("tell_traveller", seconds(1)).when_pause_ends("tell_traveller")
    story.then(sorry("no visa")).then_ends(State.COMPENSATED, "no visa").then_no_timers()
    first, second = requests(story, "tell_traveller")
    assert (first.command.id, first.attempt) == (second.command.id, 1)
    assert second.attempt == 2


def test_a_duplicate_fault_of_the_closing_command_has_no_effect() -> None:
    story = visa_refused().when_fault("tell_traveller")
    again = story.when_fault("tell_traveller").then_nothing()
    assert again.timers == story.timers
    noted = [each for each in again.events if isinstance(each, Journal.Noted)]
    assert [each.heeded for each in noted] == [True, False]


def test_a_closing_command_without_attempts_left_parks_the_saga() -> None:
    story = visa_refused()
    for _ in range(2):
        story = story.when_fault("tell_traveller", "no line").when_pause_ends("tell_traveller")
    story = story.when_fault("tell_traveller", "no line")
    story.then_parks("tell_traveller", "no line").then_no_timers()


# Attempts where none are declared.


class PayInTime(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    @step(done=TripPaid, refused=TripNotPaid, kind=PIVOT, within=minutes(10))
    def pay(self) -> PayTrip:
        return PayTrip(traveller=self.key)


def test_an_outage_parks_no_saga_at_its_pivot_before_its_time_limit_is_over() -> None:
    story, passed = given(PayInTime, WANTED), timedelta(0)
    while passed < minutes(10):
        story = story.when_fault("pay", "down").then_waits("pay")
        (pause,) = [each.after for name, each in story.timers.items() if name.endswith("pay:due")]
        passed += pause
        story = story.when_pause_ends("pay")
    story.when_time_runs_out("pay").then_parks("pay", "pay: no answer within 10 min")


# Command ids and timings.


def test_each_request_has_its_own_command_id() -> None:
    story = both_stuck().when(HotelCancelled).when(CarReturned)
    request_events = [each for each in story.events if isinstance(each, Journal.Requested)]
    by_request = {(each.step, each.role): each.command.id for each in request_events}
    assert len(set(by_request.values())) == len(by_request)
    assert all(by_request[each.step, each.role] == each.command.id for each in request_events)


def test_a_system_overrides_times_and_retries() -> None:
    story = given(BookTrip, WANTED, VISA)
    (request,) = requests(story, "book_flight")
    journal = given(BookTrip, WANTED).journal
    timing = Timing(within=timedelta(0), retry=Retry(1))
    engine = SagaEngine(BookTrip, journal, {"book_flight": timing})
    engine.handle_answer(story.journal.received[VisaFound])
    (limit,) = (each for each in engine.timers if isinstance(each, SetTimer))
    assert limit.after == timedelta(0)
    engine.handle_answer(CommandFaulted.of(request.command, 1, "down"))
    (_, undo) = (e for e in journal.collect_events() if isinstance(e, Journal.Requested))
    assert undo.role is Role.UNDO
    assert CancelTimer(limit.id) in engine.timers
