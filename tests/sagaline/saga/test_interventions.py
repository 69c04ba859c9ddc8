"""What a person may do to a saga, what follows, and what is refused with the reason."""

from collections.abc import Callable

import pytest

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
    told_of_no_visa,
)
from tests.sagas.party import LARGE, GiveParty, HallTaken
from tests.sagas.trip import (
    ALL_BOOKED,
    FLIGHT,
    VISA,
    WANTED,
    BookTrip,
    CarReturned,
    FlightCancelled,
    HotelCancelled,
    TicketsSent,
    TripPaid,
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


def test_each_intervention_says_who_what_and_why() -> None:
    done = last(parked_at_the_pivot().when_operator(retry))
    assert (done.action, done.by, done.reason) == (Action.RETRY, "Eve", "the customer rang")
    assert done.timestamp is not None


# Retry.


def test_a_retry_at_the_pivot_asks_again_with_the_same_key_and_a_new_limit() -> None:
    story = parked_at_the_pivot().when_operator(retry).then(PAY).then_waits("pay_trip")
    story.then_timer("pay_trip", minutes(10))
    asked = requests(story, "pay_trip")
    assert [each.attempt for each in asked] == [1, 2, 3]
    assert len({each.command.id for each in asked}) == 1
    story.when(TripPaid).then(SEND)


def test_a_parked_saga_that_goes_on_says_so() -> None:
    for story in (parked_at_the_pivot().when_operator(retry), parked_at_the_pivot().when(TripPaid)):
        (resumed,) = (each for each in story.events if isinstance(each, Journal.Resumed))
        assert (resumed.state, resumed.reason) == (State.RUNNING, "")


def test_after_a_retry_a_step_has_all_its_attempts_again() -> None:
    story = parked_at_the_pivot().when_operator(retry)
    story = story.when_fault("pay_trip", "down").then_timer("pay_trip", seconds(1))
    story = story.when_pause_ends("pay_trip").then(PAY).when_fault("pay_trip", "down")
    story.then_parks("pay_trip", "down").when_operator(retry).then(PAY)


def test_faults_before_and_after_a_retry_are_told_apart() -> None:
    story = parked_at_the_pivot().when_operator(retry)
    _, second, third = requests(story, "pay_trip")
    faults = [CommandFaulted.of(each.command, each.attempt, "down") for each in (second, third)]
    assert faults[0].originator_id != faults[1].originator_id
    assert story.when(faults[0]).then_nothing().timers == story.timers
    story.when(faults[1]).then_timer("pay_trip", seconds(1))


def test_a_person_mends_and_retries_and_all_is_undone_each_once() -> None:
    story = stuck_and_parked().when_operator(retry).then(NO_RENT)
    assert story.journal.state is State.COMPENSATING
    story = story.when(CarReturned).then(sorry("no money")).then_ends(State.COMPENSATED, "no money")
    undone = [each.step for each in requests(story, "book_hotel")]
    assert len(undone) == 2, "asked for once, and undone once"


def test_all_undos_that_are_stuck_are_tried_again_one_after_another() -> None:
    story = both_stuck().when_operator(retry).then(NO_RENT)
    story = story.when(CarReturned).then(NO_STAY)
    story.when(HotelCancelled).then_ends(State.COMPENSATED, "no money")


def test_a_retry_of_what_pauses_asks_at_once() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_operator(retry).then(FLY)
    assert len(story.timers) == 1
    story.then_timer("book_flight", minutes(5)).when(FLIGHT).then_waits("book_hotel")


def test_a_last_word_that_is_stuck_is_said_again() -> None:
    story = told_of_no_visa()
    for _ in range(2):
        story = story.when_fault("tell_traveller").when_pause_ends("tell_traveller")
    parked = story.when_fault("tell_traveller").then_parks("tell_traveller")
    again = parked.when_operator(retry).then(sorry("no visa"))
    again.then_ends(State.COMPENSATED, "no visa")
    again.when_fault("tell_traveller").then_timer("tell_traveller", seconds(1))
    parked.when_operator(skip("tell_traveller")).then().then_ends(State.COMPENSATED, "no visa")


def test_while_it_goes_on_by_itself_a_saga_says_what_it_waits_for() -> None:
    assert waits(given(BookTrip, WANTED)) == "waits for the answer to check_visa"
    pausing = given(BookTrip, WANTED, VISA).when_fault("book_flight")
    assert waits(pausing) == "pauses before it asks again for book_flight"
    both = given(GiveParty, LARGE).when_fault("hire_band")
    assert waits(both) == (
        "waits for the answer to book_hall, and pauses before it asks again for hire_band"
    )


def waits(story: GivenSaga) -> str:
    said: list[str] = []
    story.when_operator(lambda saga: said.append(saga.waits()))
    return said[0]


def test_where_nothing_is_stuck_there_is_nothing_to_retry() -> None:
    told = refusal(given(BookTrip, WANTED), retry)
    assert told == (
        "BookTrip Ada: retry is refused: nothing is stuck; it waits for the answer to check_visa."
    )


# Skip.


def test_a_step_that_is_skipped_counts_as_dealt_with() -> None:
    story = parked_at_the_pivot().when_operator(skip("pay_trip")).then(SEND)
    assert last(story).step == "pay_trip"
    story.when(TripPaid).then_nothing().when(TicketsSent).then_ends(State.COMPLETED)


def test_an_undo_that_is_skipped_leaves_its_effect_and_the_saga_ends() -> None:
    story = stuck_and_parked().when_operator(skip("rent_car")).then(sorry("no money"))
    story.then_ends(State.COMPENSATED, "no money")


def test_skipping_one_of_two_leaves_the_other() -> None:
    both_stuck().when_operator(skip("book_hotel")).then().then_parks("rent_car", "stolen")


def test_only_what_is_stuck_is_skipped() -> None:
    parked = stuck_and_parked()
    assert refusal(parked, skip("book_hotel")).endswith("refused: book_hotel is undone, not stuck.")
    assert refusal(parked, skip("send_tickets")).endswith("send_tickets was not asked for yet.")
    assert refusal(parked, skip("dance")).endswith("it has no step dance.")
    assert refusal(parked, skip("return_car")).endswith(
        "return_car is the undo of rent_car: name that step."
    )
    assert refusal(given(BookTrip, WANTED), skip("check_visa")).endswith(
        "check_visa is asked, not stuck."
    )


# Cancel.


def test_a_saga_that_is_cancelled_waits_for_what_is_under_way_and_undoes_it() -> None:
    story = given(BookTrip, WANTED, VISA).when_operator(cancel).then_nothing()
    assert story.journal.state is State.COMPENSATING
    story = story.when(FLIGHT).then(NO_FLIGHT).when(FlightCancelled)
    story.then(sorry("the customer rang")).then_ends(State.COMPENSATED, "the customer rang")


def test_a_saga_that_is_cancelled_for_no_reason_says_who_did_it() -> None:
    story = given(BookTrip, WANTED, VISA).when_operator(lambda saga: saga.cancel(Operator("Eve")))
    story.when(FLIGHT).when(FlightCancelled).then_ends(State.COMPENSATED, "cancelled by Eve")


def test_what_pauses_when_a_saga_is_cancelled_is_undone_at_once() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_operator(cancel)
    story.then_waits("book_flight").then_no_timers()
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "the customer rang")


def test_from_the_point_of_no_return_on_a_cancellation_is_refused() -> None:
    for story in (given(BookTrip, *ALL_BOOKED), given(BookTrip, *ALL_BOOKED, TripPaid)):
        assert refusal(story, cancel) == (
            "BookTrip Ada: cancel is refused: its point of no return, pay_trip, was asked for."
        )
    assert refusal(parked_at_the_pivot(), cancel).endswith("pay_trip, was asked for.")


def test_a_saga_on_its_way_back_cannot_be_cancelled_again() -> None:
    story = given(GiveParty, LARGE).when(HallTaken, reason="a wedding")
    assert refusal(story, cancel).endswith("it is on its way back already.")


# Timers.


def test_where_a_person_moves_a_time_limit_nobody_says_that_it_was_kept_to() -> None:
    def sooner(saga: Interventions) -> None:
        saga.note(Action.MOVE_TIMER, EVE, "book_flight")

    story = given(BookTrip, WANTED, VISA).when_operator(sooner).when_time_runs_out("book_flight")
    story.when(FlightCancelled).then_ends(State.COMPENSATED, "book_flight: no answer in time")


# Abandon.


def test_an_abandoned_saga_ends_as_it_is_and_takes_its_timers_back() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight").when_operator(abandon)
    story = story.then().then_ends(State.ABANDONED, GONE).then_no_timers()
    story.when(FLIGHT).then_nothing().then_ends(State.ABANDONED)
    assert last(story).action is Action.ABANDON


def test_what_is_parked_can_be_abandoned() -> None:
    stuck_and_parked().when_operator(abandon).then_ends(State.ABANDONED, GONE)


@pytest.mark.parametrize("act", [retry, cancel, abandon, skip("pay_trip")])
def test_what_has_ended_is_left_alone(act: Callable[[Interventions], None]) -> None:
    ended = given(BookTrip, *ALL_BOOKED, TripPaid, TicketsSent)
    assert refusal(ended, act).endswith("it has ended, completed.")


def test_what_can_be_done_is_told_before_it_is_done() -> None:
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
