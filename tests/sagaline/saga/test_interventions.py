"""What an operator can do to a saga, what follows, and what is refused with the reason."""

from collections.abc import Callable

import pytest

from sagaline import NO_EFFECT, Saga, step
from sagaline.errors import InterventionRefused
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.retry import minutes, seconds
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions, Operator
from sagaline.saga.state import Action, State
from sagaline.testing import given
from sagaline.testing.given.sagas import GivenSaga
from tests.sagaline.saga.test_engine import (
    FLY,
    NO_FLIGHT,
    NO_RENT,
    NO_STAY,
    PAY,
    SEND,
    both_stuck,
    parked_at_the_pivot,
    requests,
    sorry,
    stuck_car,
    visa_refused,
)
from tests.sagas.party import LARGE, GiveParty, HallTaken
from tests.sagas.trip import (
    ALL_BOOKED,
    FLIGHT,
    VISA,
    WANTED,
    BookFlight,
    BookHotel,
    BookTrip,
    CancelFlight,
    CarReturned,
    CheckVisa,
    FlightBooked,
    FlightCancelled,
    HotelBooked,
    HotelCancelled,
    HotelFull,
    TicketsSent,
    Trip,
    TripPaid,
    VisaFound,
)

NO_UNKNOWN_FLIGHT = CancelFlight(traveller="Ada", seat="any")


class Visit(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """A flight; then a hotel, while a visa is waited for without limit."""

    @step(done=FlightBooked)
    def book_flight(self) -> BookFlight:
        return BookFlight(traveller=self.key)

    @book_flight.undo(done=FlightCancelled)
    def cancel_flight(self) -> CancelFlight:
        return CancelFlight(traveller=self.key, seat=self[FlightBooked].seat)

    check_visa = step(CheckVisa, done=VisaFound, kind=NO_EFFECT)
    book_hotel = step(
        BookHotel, done=HotelBooked, refused=HotelFull, kind=NO_EFFECT, after=[book_flight]
    )


EVE = Operator("Eve", "the customer rang")
GONE = "abandoned by Eve: the customer rang"


def retry(saga: Interventions) -> None:
    saga.retry(EVE)


def cancel(saga: Interventions) -> None:
    saga.cancel(EVE)


def abandon(saga: Interventions) -> None:
    saga.abandon(EVE)


def skip(step: str) -> Callable[[Interventions], None]:
    return lambda saga: saga.skip(step, EVE)


def refusal(story: GivenSaga, act: Callable[[Interventions], None]) -> str:
    with pytest.raises(InterventionRefused) as refused:
        story.when_operator(act)
    return str(refused.value)


def last(story: GivenSaga) -> Journal.Intervened:
    return [each for each in story.events if isinstance(each, Journal.Intervened)][-1]


def stuck_and_parked() -> GivenSaga:
    return stuck_car().when(HotelCancelled).when(FlightCancelled).then_parks("rent_car", "stolen")


def test_each_intervention_records_who_what_and_why() -> None:
    done = last(parked_at_the_pivot().when_operator(retry))
    assert (done.action, done.by, done.reason) == (Action.RETRY, "Eve", "the customer rang")
    assert done.timestamp is not None


# Retry.


def test_a_retry_at_the_pivot_keeps_the_command_id_and_sets_a_new_limit() -> None:
    story = parked_at_the_pivot().when_operator(retry).then(PAY).then_waits("pay_trip")
    story.then_timer("pay_trip", minutes(10))
    asked = requests(story, "pay_trip")
    assert [each.attempt for each in asked] == [1, 2, 3]
    assert len({each.command.id for each in asked}) == 1
    story.when(TripPaid).then(SEND)


def test_a_parked_saga_records_that_it_resumes() -> None:
    for story in (parked_at_the_pivot().when_operator(retry), parked_at_the_pivot().when(TripPaid)):
        (resumed,) = (each for each in story.events if isinstance(each, Journal.Resumed))
        assert (resumed.state, resumed.reason) == (State.RUNNING, "")


def test_after_a_retry_a_step_has_all_its_attempts_again() -> None:
    story = parked_at_the_pivot().when_operator(retry)
    story = story.when_fault("pay_trip", "down").then_timer("pay_trip", seconds(1))
    story = story.when_pause_ends("pay_trip").then(PAY).when_fault("pay_trip", "down")
    story.then_parks("pay_trip", "down").when_operator(retry).then(PAY)


def test_faults_before_and_after_a_retry_are_distinct() -> None:
    story = parked_at_the_pivot().when_operator(retry)
    _, second, third = requests(story, "pay_trip")
    faults = [CommandFaulted.of(each.command, each.attempt, "down") for each in (second, third)]
    assert faults[0].originator_id != faults[1].originator_id
    assert story.when(faults[0]).then_nothing().timers == story.timers
    story.when(faults[1]).then_timer("pay_trip", seconds(1))


def test_after_a_repair_a_retry_undoes_every_step_once() -> None:
    story = stuck_and_parked().when_operator(retry).then(NO_RENT)
    assert story.journal.state is State.COMPENSATING
    story = story.when(CarReturned).then(sorry("no money")).then_ends(State.COMPENSATED, "no money")
    undone = [each.step for each in requests(story, "book_hotel")]
    assert len(undone) == 2, "asked for once, and undone once"


def test_a_retry_requests_all_stuck_undos_one_after_another() -> None:
    story = both_stuck().when_operator(retry).then(NO_RENT)
    story = story.when(CarReturned).then(NO_STAY)
    story.when(HotelCancelled).then_ends(State.COMPENSATED, "no money")


def test_a_retry_ends_a_pause_at_once() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_operator(retry).then(FLY)
    assert len(story.timers) == 1
    story.then_timer("book_flight", minutes(5)).when(FLIGHT).then_waits("book_hotel")


def test_a_stuck_closing_command_can_be_retried_or_skipped() -> None:
    story = visa_refused()
    for _ in range(2):
        story = story.when_fault("tell_traveller").when_pause_ends("tell_traveller")
    parked = story.when_fault("tell_traveller").then_parks("tell_traveller")
    again = parked.when_operator(retry).then(sorry("no visa"))
    again.then_ends(State.COMPENSATED, "no visa")
    again.when_fault("tell_traveller").then_timer("tell_traveller", seconds(1))
    parked.when_operator(skip("tell_traveller")).then().then_ends(State.COMPENSATED, "no visa")


def test_a_live_saga_reports_what_it_waits_for() -> None:
    assert waits(given(BookTrip, WANTED)) == "waits for the answer to check_visa"
    pausing = given(BookTrip, WANTED, VISA).when_fault("book_flight")
    assert waits(pausing) == "pauses before it retries book_flight"
    both = given(GiveParty, LARGE).when_fault("hire_band")
    assert waits(both) == (
        "waits for the answer to book_hall, and pauses before it retries hire_band"
    )


def waits(story: GivenSaga) -> str:
    answers: list[str] = []
    story.when_operator(lambda saga: answers.append(saga.waits()))
    return answers[0]


def test_a_retry_is_refused_where_nothing_is_stuck() -> None:
    message = refusal(given(BookTrip, WANTED), retry)
    assert message == (
        "BookTrip Ada: retry is refused: nothing is stuck; it waits for the answer to check_visa."
    )


# Skip.


def test_after_a_skip_the_next_step_starts() -> None:
    story = parked_at_the_pivot().when_operator(skip("pay_trip")).then(SEND)
    assert last(story).step == "pay_trip"
    story.when(TripPaid).then_nothing().when(TicketsSent).then_ends(State.COMPLETED)


def test_a_skipped_undo_leaves_its_effect_and_the_saga_ends() -> None:
    story = stuck_and_parked().when_operator(skip("rent_car")).then(sorry("no money"))
    story.then_ends(State.COMPENSATED, "no money")


def test_skipping_one_of_two_stuck_undos_leaves_the_saga_parked() -> None:
    both_stuck().when_operator(skip("book_hotel")).then().then_parks("rent_car", "stolen")


def test_a_skip_of_a_step_that_is_not_stuck_is_refused() -> None:
    parked = stuck_and_parked()
    assert refusal(parked, skip("book_hotel")).endswith("refused: book_hotel is undone, not stuck.")
    assert refusal(parked, skip("send_tickets")).endswith("send_tickets was not requested yet.")
    assert refusal(parked, skip("dance")).endswith("it has no step dance.")
    assert refusal(parked, skip("return_car")).endswith(
        "return_car is the undo of rent_car: name that step."
    )
    assert refusal(given(BookTrip, WANTED), skip("check_visa")).endswith(
        "check_visa is asked, not stuck."
    )


# Cancel.


def test_a_cancelled_saga_undoes_at_once_what_is_in_flight() -> None:
    story = given(BookTrip, WANTED, VISA).when_operator(cancel).then(NO_UNKNOWN_FLIGHT)
    story.then_waits("book_flight").then_no_timers()
    story = story.when(FlightCancelled).then(sorry("the customer rang"))
    story.then_ends(State.COMPENSATED, "the customer rang")


def test_an_answer_after_the_cancellation_has_no_effect() -> None:
    story = given(BookTrip, WANTED, VISA).when_operator(cancel).when(FLIGHT).then_nothing()
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "the customer rang")


def test_a_cancelled_saga_gives_up_a_step_without_effect() -> None:
    story = given(BookTrip, WANTED).when_operator(cancel)
    story.then(sorry("the customer rang")).then_ends(State.COMPENSATED, "the customer rang")
    story.then_no_timers().when(VISA).then_nothing()


def test_a_refusal_gives_up_a_step_without_effect_that_waits_beside_it() -> None:
    story = given(Visit, WANTED, FLIGHT).when(HotelFull, reason="full").then(NO_FLIGHT)
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "full")
    story.then_no_timers()


def test_a_saga_cancelled_without_a_reason_names_the_operator() -> None:
    story = given(BookTrip, WANTED, VISA).when_operator(lambda saga: saga.cancel(Operator("Eve")))
    story.when(FLIGHT).when(FlightCancelled).then_ends(State.COMPENSATED, "cancelled by Eve")


def test_a_cancelled_saga_undoes_a_pausing_step_at_once() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_operator(cancel)
    story.then_waits("book_flight").then_no_timers()
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "the customer rang")


def test_a_cancellation_is_refused_once_the_pivot_was_requested() -> None:
    for story in (given(BookTrip, *ALL_BOOKED), given(BookTrip, *ALL_BOOKED, TripPaid)):
        assert refusal(story, cancel) == (
            "BookTrip Ada: cancel is refused: its pivot, pay_trip, was already requested."
        )
    assert refusal(parked_at_the_pivot(), cancel).endswith("pay_trip, was already requested.")


def test_a_cancellation_of_a_compensating_saga_is_refused() -> None:
    story = given(GiveParty, LARGE).when(HallTaken, reason="a wedding")
    assert refusal(story, cancel).endswith("it is already compensating.")


# Timers.


def test_the_reason_omits_a_time_limit_that_an_operator_has_moved() -> None:
    def sooner(saga: Interventions) -> None:
        saga.note(Action.MOVE_TIMER, EVE, "book_flight")

    story = given(BookTrip, WANTED, VISA).when_operator(sooner).when_time_runs_out("book_flight")
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "book_flight: no answer in time")


# Abandon.


def test_an_abandoned_saga_ends_as_it_is_and_cancels_its_timers() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_operator(abandon)
    story = story.then().then_ends(State.ABANDONED, GONE).then_no_timers()
    story.when(FLIGHT).then_nothing().then_ends(State.ABANDONED)
    assert last(story).action is Action.ABANDON


def test_a_parked_saga_can_be_abandoned() -> None:
    stuck_and_parked().when_operator(abandon).then_ends(State.ABANDONED, GONE)


@pytest.mark.parametrize("act", [retry, cancel, abandon, skip("pay_trip")])
def test_an_intervention_in_an_ended_saga_is_refused(act: Callable[[Interventions], None]) -> None:
    ended = given(BookTrip, *ALL_BOOKED, TripPaid, TicketsSent)
    assert refusal(ended, act).endswith("it has ended, completed.")


def test_the_possible_actions_are_listed() -> None:
    def possible(story: GivenSaga) -> list[tuple[Action, str]]:
        return list(Interventions(BookTrip, story.journal, {}).possible())

    assert possible(given(BookTrip, WANTED)) == [(Action.CANCEL, ""), (Action.ABANDON, "")]
    assert possible(both_stuck()) == [
        (Action.RETRY, ""),
        (Action.SKIP, "book_hotel"),
        (Action.SKIP, "rent_car"),
        (Action.ABANDON, ""),
    ]
    assert possible(given(BookTrip, *ALL_BOOKED, TripPaid, TicketsSent)) == []
