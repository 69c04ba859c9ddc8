"""The stream of a saga instance: participants follow it, and the state follows from it."""

from copy import deepcopy
from uuid import UUID

import pytest
from eventsourcing.application import project_aggregate
from eventsourcing.persistence import JSONTranscoder
from eventsourcing.utils import construct_topic, get_topic

from sagaline.codec import TypedMapper, loaded_class
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.requests import request_class
from sagaline.saga.state import Answer, Outcome, Role, State, StepStatus
from sagaline.testing import given
from sagaline.testing.given.sagas import GivenSaga
from tests.sagas.trip import (
    ALL_BOOKED,
    FLIGHT,
    VISA,
    WANTED,
    BookFlight,
    BookTrip,
    CarKept,
    CarReturned,
    CheckVisa,
    FlightCancelled,
    HotelBooked,
    HotelCancelled,
    TellTraveller,
    TicketsSent,
    Trip,
    TripNotPaid,
    TripPaid,
    VisaFound,
    VisaMissing,
)

MAPPER = TypedMapper(JSONTranscoder())


def completed() -> GivenSaga:
    return given(BookTrip, *ALL_BOOKED, TripPaid, TicketsSent)


def compensated() -> GivenSaga:
    story = given(BookTrip, *ALL_BOOKED).when(TripNotPaid, reason="no money")
    story = story.when(CarKept, reason="on the road").when_pause_ends("rent_car")
    return story.when(CarReturned).when(HotelCancelled).when(FlightCancelled)


def parked() -> GivenSaga:
    story = given(BookTrip, *ALL_BOOKED, HotelBooked).when_fault("pay_trip", "down")
    return story.when_pause_ends("pay_trip").when_fault("pay_trip", "down")


def timed_out() -> GivenSaga:
    return given(BookTrip, WANTED, VISA).when_time_runs_out("book_flight").when(FLIGHT)


EACH_STORY = pytest.mark.parametrize("story_of", [completed, compensated, parked, timed_out])


def test_the_id_of_an_instance_follows_from_its_saga_and_key() -> None:
    """Other ids would lose every live saga of a store."""
    ada = journal_id("BookTrip", "Ada")
    assert ada == UUID("9e2deb79-f2c8-59cd-8653-2438f6b962ff")
    assert given(BookTrip, WANTED).journal.id == ada
    assert len({ada, journal_id("BookTrip", "Bob"), journal_id("Other", "Ada")}) == 3
    trip = "019363a4-6c00-7aaa-8aaa-aaaaaaaaaaaa"
    assert journal_id("BookTrip", trip) == UUID("019363a4-6c00-8cf1-85ed-54cc4c5146f5")
    assert journal_id("BookTrip", trip) != journal_id("BookTrip", trip.upper())


def test_the_stream_begins_with_the_start_event_and_the_plan() -> None:
    started = given(BookTrip, WANTED).events[0]
    assert isinstance(started, Journal.Started)
    assert (started.saga, started.key) == ("BookTrip", "Ada")
    assert started.fingerprint == BookTrip.fingerprint()
    assert started.plan == tuple(BookTrip.steps)
    assert isinstance(started.event, Trip.Wanted)


def test_a_command_is_stored_under_its_own_topic() -> None:
    event = given(BookTrip, WANTED).events[-1]
    assert isinstance(event, request_class(CheckVisa))
    assert MAPPER.to_stored_event(event).topic == construct_topic(CheckVisa)
    assert get_topic(request_class(CheckVisa)) == construct_topic(CheckVisa)
    assert loaded_class(construct_topic(CheckVisa)) is request_class(CheckVisa)


def test_each_class_of_command_has_one_class_of_event() -> None:
    assert request_class(CheckVisa) is request_class(CheckVisa)
    assert request_class(CheckVisa) is not request_class(BookFlight)


def test_an_answer_is_recorded_with_the_command_that_it_led_to() -> None:
    (asked,) = given(BookTrip, WANTED, VISA).events[2:]
    assert isinstance(asked, Journal.Requested)
    assert (asked.step, asked.role, asked.attempt) == ("book_flight", Role.DO, 1)
    assert asked.answer is not None
    assert (asked.answer.step, asked.answer.outcome) == ("check_visa", Outcome.DONE)
    assert isinstance(asked.answer.event, VisaFound)


def test_the_closing_command_is_recorded_before_the_end() -> None:
    closing, ended = given(BookTrip, WANTED).when(VisaMissing, reason="none").events[2:]
    assert isinstance(closing, request_class(TellTraveller))
    assert closing.role is Role.CLOSE
    assert closing.answer is not None
    assert isinstance(ended, Journal.Ended)
    assert (ended.state, ended.reason, ended.answer) == (State.COMPENSATED, "none", None)


@EACH_STORY
def test_every_event_equals_itself_after_a_json_round_trip(story_of: object) -> None:
    for event in story_of().events:  # type: ignore[operator]
        again = MAPPER.to_domain_event(MAPPER.to_stored_event(event))
        assert type(again) is type(event)
        assert again == event


@EACH_STORY
def test_the_state_follows_from_the_stored_events_alone(story_of: object) -> None:
    story = story_of()  # type: ignore[operator]
    stored = [MAPPER.to_stored_event(each) for each in story.events]
    assert project_aggregate(None, map(MAPPER.to_domain_event, stored)) == story.journal


@EACH_STORY
def test_applying_an_answer_twice_changes_nothing(story_of: object) -> None:
    """It is applied before its command is made, and again with the event of that command."""
    story = story_of()  # type: ignore[operator]
    journal = None
    for event in story.events:
        answer = getattr(event, "answer", None)
        if journal is not None and getattr(event, "heeded", True):
            journal.apply_answer(deepcopy(answer))
        journal = event.mutate(journal)
    assert journal == story.journal


def test_progress_keeps_the_reason_of_the_last_failure() -> None:
    story = given(BookTrip, WANTED, VISA).when_fault("book_flight", "down")
    progress = story.journal.steps["book_flight"]
    assert (progress.status, progress.reason) == (StepStatus.ASKED, "down")
    assert story.when(FLIGHT).journal.steps["book_flight"].reason == ""


def test_only_the_first_early_answer_to_a_step_is_kept() -> None:
    journal = given(BookTrip, WANTED, VISA).journal
    first = Answer("book_hotel", False, Outcome.DONE, "", None)
    journal.keep_early_answer(first)
    for other in (
        Answer("book_hotel", False, Outcome.REFUSED, "full", None),
        Answer("rent_car", True, Outcome.DONE, "", None),
        Answer("rent_car", False, Outcome.FAULTED, "down", None),
        Answer("book_flight", False, Outcome.DONE, "", None),
    ):
        journal.keep_early_answer(other)
    assert journal.early_answers == {"book_hotel": first}


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (State.RUNNING, False),
        (State.COMPENSATING, False),
        (State.PARKED, False),
        (State.COMPLETED, True),
        (State.COMPENSATED, True),
        (State.ABANDONED, True),
    ],
)
def test_a_parked_saga_has_not_ended(state: State, ended: bool) -> None:
    assert state.ended is ended
