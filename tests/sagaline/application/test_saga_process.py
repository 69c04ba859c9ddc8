"""A saga as a process application: messages in, journal, commands and timers in one store."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.utils import construct_topic, get_topic
from sqlalchemy import event

from sagaline.application.message_handling import handling_of
from sagaline.application.processor import ApplicationProcessor
from sagaline.application.saga_process import SagaProcess, process_of
from sagaline.codec import WantedTopics
from sagaline.errors import InterventionFailed
from sagaline.followers.log_window import LogWindow
from sagaline.followers.timers import timer_message
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.message import Message
from sagaline.messaging.retry import Retry, minutes
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import NO_EFFECT, PIVOT, RETRIABLE, Saga, on_compensated, step
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.interventions import Operator
from sagaline.saga.state import State
from sagaline.saga.step_timers import Timing
from sagaline.saga.timers import StepTimedOut
from sagaline.storage import LogRow, follower_state, register
from sagaline.storage.tables.timers import TimerRow, delete_timers, due_timers
from sagaline.testing.given.happened import Happened, happened
from tests.sagas.trip import (
    ALL_BOOKED,
    FLIGHT,
    VISA,
    WANTED,
    BookFlight,
    BookTrip,
    CancelFlight,
    CheckVisa,
    FlightBooked,
    HotelFull,
    SendTickets,
    Trip,
    VisaFound,
    VisaMissing,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
BOOKING = process_of(BookTrip, {})


class Forgetful(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """Its closing command cannot be made: it asks for what was never heard."""

    @step(done=VisaFound, refused=VisaMissing, kind=NO_EFFECT, within=minutes(1))
    def check_visa(self) -> CheckVisa:
        return CheckVisa(traveller=self.key)

    @on_compensated
    def tell(self) -> SendTickets:
        return SendTickets(traveller=self.key, seat=self[FlightBooked].seat)


class Desk:
    """A saga process on a store, to which messages are handed as a follower does."""

    def __init__(self, process: type[SagaProcess], url: str) -> None:
        env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": url}
        self.process = process(env)
        handling_of(self.process).clock = lambda: NOON
        log = LogWindow(self.process.name, self.process.recorder, self.process.mapper)
        self.participant = ApplicationProcessor(self.process, WantedTopics([]), log)
        self.ids = 0

    def message(self, event: Any, key: str | None = "Ada") -> Message:
        self.ids += 1
        if isinstance(event, Happened):
            event = event.to_event(Trip, journal_id("trips", key or ""), self.ids)
        topic = get_topic(type(event))
        return Message("Trips", self.ids, topic, key=key, hop=4, event=event)

    def hear(self, *events: Any, key: str | None = "Ada") -> None:
        """One transaction for each."""
        for each in events:
            self.take(self.message(each, key))

    def take(self, *messages: Message, fired: str | None = None) -> None:
        """One transaction for all."""
        self.participant.prepare(messages)
        for each in messages:
            self.participant.handle(each)
        with self.process.datastore.write() as connection:
            if fired is not None:
                delete_timers(connection, self.process.name, [fired])
            self.participant.write(connection)
        self.participant.after_commit()

    def fire(self, at: datetime) -> None:
        for row in self.timers(at):
            self.take(timer_message(self.process.name, row), fired=row.id)

    def timers(self, until: datetime = NEVER) -> list[TimerRow]:
        with self.process.datastore.read() as connection:
            return due_timers(connection, self.process.name, until.timestamp(), 100)

    def log(self) -> list[LogRow]:
        return list(self.process.recorder.page(0, 1_000).rows)

    def given(self) -> list[str]:
        """The commands in the log, by the last word of their topic."""
        topics = [row.topic for row in self.log() if not row.topic.startswith("sagaline:")]
        return [topic.rpartition(":")[2] for topic in topics]

    def journal(self, key: str = "Ada") -> Journal:
        journal: Journal = self.process.repository.get(journal_id(self.process.name, key))
        return journal


@pytest.fixture
def desk(sqlite_store: str) -> Iterator[Desk]:
    opened = Desk(BOOKING, sqlite_store)
    yield opened
    opened.process.close()


def test_a_start_and_its_first_command_are_one_transaction(desk: Desk) -> None:
    desk.hear(WANTED)
    started, asked = desk.log()
    assert started.topic == construct_topic(Journal.Started)
    assert asked.topic == construct_topic(CheckVisa)
    assert started.originator_id == asked.originator_id == journal_id("BookTrip", "Ada")
    assert (started.originator_version, asked.originator_version) == (1, 2)


def test_what_is_recorded_carries_the_key_the_cause_and_the_hop(desk: Desk) -> None:
    desk.hear(WANTED, VISA)
    assert [(row.key, row.cause, row.hop) for row in desk.log()] == [
        ("Ada", "trips:1", 5),
        ("Ada", "trips:1", 5),
        ("Ada", "trips:2", 5),
    ]


def test_the_key_of_a_start_is_what_the_saga_says_and_not_what_the_message_says(
    desk: Desk,
) -> None:
    desk.hear(WANTED, key="trip 7")
    assert {row.key for row in desk.log()} == {"Ada"}


def test_an_answer_finds_its_instance_by_the_key_of_its_message(desk: Desk) -> None:
    desk.hear(WANTED)
    desk.hear(happened(Trip.Wanted, traveller="Bob"), VISA, key="Bob")
    assert desk.given() == ["CheckVisa", "CheckVisa", "BookFlight"]
    assert list(desk.journal("Ada").steps) == ["check_visa"]
    assert list(desk.journal("Bob").steps) == ["check_visa", "book_flight"]


def test_several_inputs_of_several_instances_are_one_batch(desk: Desk) -> None:
    desk.take(
        desk.message(WANTED),
        desk.message(happened(Trip.Wanted, traveller="Bob"), "Bob"),
        desk.message(VISA),
        desk.message(FLIGHT),
        desk.message(happened(VisaMissing, reason="none"), "Bob"),
    )
    assert desk.journal("Ada").steps.keys() == {"check_visa", "book_flight", "book_hotel"}
    assert desk.journal("Bob").state is State.COMPENSATED
    assert [row.id for row in desk.log()] == list(range(1, 9))


def test_a_second_start_is_recorded_and_changes_nothing(desk: Desk) -> None:
    desk.hear(WANTED, WANTED)
    desk.take(desk.message(WANTED), desk.message(WANTED))
    assert [row.topic for row in desk.log()[2:]] == ["sagaline:EventIgnored"] * 3
    assert desk.given() == ["CheckVisa"]
    assert len(desk.timers()) == 1


def test_an_answer_before_the_start_is_kept_until_the_saga_begins(desk: Desk) -> None:
    desk.hear(VISA)
    assert desk.given() == []
    desk.hear(FLIGHT)
    desk.hear(WANTED)
    assert desk.given() == ["BookHotel"]
    started = next(row for row in desk.log() if row.topic.endswith(":SagaStartedLate"))
    assert started.key == "Ada"
    desk.hear(WANTED)
    assert desk.given() == ["BookHotel"]
    assert desk.journal().fingerprint == saga_declaration(BookTrip).fingerprint


def test_an_answer_and_the_start_behind_it_may_be_one_batch(desk: Desk) -> None:
    desk.take(desk.message(VISA), desk.message(WANTED))
    assert desk.given() == ["BookFlight"]


def test_a_fault_and_an_event_of_another_kind_open_no_saga(desk: Desk) -> None:
    desk.hear(CommandFaulted.of(CheckVisa(traveller="Ada"), 1, "down"))
    desk.hear(happened(Trip.Forgotten))
    assert desk.log() == []


def test_an_event_that_answers_no_step_is_recorded(desk: Desk) -> None:
    desk.hear(WANTED, happened(Trip.Forgotten))
    assert desk.log()[-1].topic.endswith(":EventIgnored")
    assert desk.given() == ["CheckVisa"]


def test_an_answer_without_a_key_is_for_nobody(desk: Desk) -> None:
    desk.hear(VISA, key=None)
    assert desk.log() == []


def test_a_fault_of_a_command_that_another_saga_gave_is_not_ours(desk: Desk) -> None:
    desk.hear(WANTED)
    desk.hear(CommandFaulted.of(CheckVisa(traveller="Ada"), 1, "down"))
    assert len(desk.log()) == 2
    assert not desk.journal().steps["check_visa"].pausing


def test_a_fault_of_our_own_command_is_retried(desk: Desk) -> None:
    desk.hear(WANTED)
    (command,) = desk.journal().requests
    asked = CheckVisa(id=command, traveller="Ada")
    desk.hear(CommandFaulted.of(asked, 1, "down"))
    desk.fire(NOON + timedelta(seconds=1))
    assert desk.given() == ["CheckVisa", "CheckVisa"]
    assert desk.journal().steps["check_visa"].attempts == 2


def test_a_time_limit_is_stored_with_the_command_that_it_limits(desk: Desk) -> None:
    desk.hear(WANTED)
    (timer,) = desk.timers()
    assert timer.due_at == (NOON + minutes(1)).timestamp()
    assert timer.topic == construct_topic(StepTimedOut)
    assert (timer.key, timer.cause, timer.hop) == ("Ada", "trips:1", 5)


def test_an_answer_takes_the_time_limit_back(desk: Desk) -> None:
    desk.hear(WANTED, VISA)
    (timer,) = desk.timers()
    assert timer.due_at == (NOON + minutes(5)).timestamp()
    desk.hear(FLIGHT)
    assert desk.timers() == []


def test_a_time_limit_that_is_set_and_met_in_one_batch_is_never_stored(desk: Desk) -> None:
    desk.take(desk.message(WANTED), desk.message(VISA), desk.message(FLIGHT))
    assert desk.timers() == []


def test_a_time_limit_that_is_over_turns_the_saga_round(desk: Desk) -> None:
    desk.hear(WANTED, VISA)
    desk.fire(NOON + minutes(4))
    assert desk.given() == ["CheckVisa", "BookFlight"]
    desk.fire(NOON + minutes(5))
    assert desk.given() == ["CheckVisa", "BookFlight", "CancelFlight"]
    assert desk.timers() == []
    assert {row.key for row in desk.log()} == {"Ada"}


def test_a_limit_at_the_pivot_that_fires_is_set_again(desk: Desk) -> None:
    desk.hear(*(e if isinstance(e, Happened) else happened(e) for e in ALL_BOOKED))
    desk.fire(NOON + minutes(10))
    (timer,) = desk.timers()
    assert timer.id == "Ada:pay_trip:timeout"
    assert desk.given()[-2:] == ["PayTrip", "PayTrip"]


def test_a_saga_goes_on_after_a_restart(sqlite_store: str) -> None:
    first = Desk(BOOKING, sqlite_store)
    first.hear(WANTED, VISA)
    first.process.close()
    second = Desk(BOOKING, sqlite_store)
    second.hear(FLIGHT)
    second.hear(happened(HotelFull, reason="full"))
    assert second.given() == ["CheckVisa", "BookFlight", "BookHotel", "CancelFlight"]
    assert second.journal().state is State.COMPENSATING
    second.process.close()


def test_a_command_that_cannot_be_made_leaves_the_saga_as_it_was(sqlite_store: str) -> None:
    desk = Desk(process_of(Forgetful, {}), sqlite_store)
    desk.hear(WANTED)
    before, timers = desk.log(), desk.timers()
    with pytest.raises(KeyError):
        desk.hear(happened(VisaMissing, reason="none"))
    desk.participant.roll_back()
    assert (desk.log(), desk.timers()) == (before, timers)
    assert desk.journal().state is State.RUNNING
    desk.hear(VISA)
    assert desk.journal().state is State.COMPLETED
    desk.process.close()


def test_a_system_gives_a_process_its_own_times(sqlite_store: str) -> None:
    timings = {"check_visa": Timing(within=minutes(2)), "book_flight": Timing(retry=Retry(1))}
    desk = Desk(process_of(BookTrip, timings), sqlite_store)
    desk.hear(WANTED)
    (timer,) = desk.timers()
    assert timer.due_at == (NOON + minutes(2)).timestamp()
    desk.hear(VISA)
    *_, command = desk.journal().requests
    asked = BookFlight(id=command, traveller="Ada")
    desk.hear(CommandFaulted.of(asked, 1, "down"))
    assert desk.given()[-1] == construct_topic(CancelFlight).rpartition(":")[2]
    desk.process.close()


def test_a_saga_asks_no_port(desk: Desk) -> None:
    assert handling_of(desk.process).call_ports([desk.message(WANTED)]).answers == {}


def test_a_process_bears_the_name_of_its_saga() -> None:
    process = process_of(BookTrip, {})
    assert process.name == "BookTrip"
    assert get_topic(process) == "tests.sagas.trip:BookTrip.Process"


class Careless(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """Its second step needs what the first one is answered with."""

    @step(done=VisaFound, kind=PIVOT, retry=Retry(1))
    def check_visa(self) -> CheckVisa:
        return CheckVisa(traveller=self.key)

    @step(done=FlightBooked, kind=RETRIABLE)
    def book_flight(self) -> BookFlight:
        return BookFlight(traveller=self[VisaFound].number)


def test_what_a_person_wants_and_the_code_cannot_do_is_told_and_changes_nothing(
    sqlite_store: str,
) -> None:
    desk = Desk(process_of(Careless, {}), sqlite_store)
    desk.hear(WANTED)
    desk.take(fault_of_visa(desk, "Ada"))
    before = desk.log()
    with pytest.raises(InterventionFailed, match=r"Careless Ada: nothing was changed, .* NotHeard"):
        desk.process.intervene("Ada", lambda saga: saga.skip("check_visa", Operator("Eve", "seen")))
    assert desk.log() == before
    assert desk.journal().state is State.PARKED
    desk.process.close()


def test_what_a_person_does_carries_the_key_and_comes_after_what_they_have_seen(desk: Desk) -> None:
    desk.hear(WANTED)
    seen = desk.log()[-1]
    desk.process.intervene("Ada", lambda saga: saga.cancel(Operator("Eve")))
    act = next(each for each in desk.log() if each.topic.endswith("SagaIntervened"))
    assert (act.key, act.cause, act.hop) == ("Ada", f"booktrip:{seen.id}", (seen.hop or 0) + 1)


def test_what_a_person_does_moves_the_fence_so_that_a_runner_reads_again(desk: Desk) -> None:
    desk.hear(WANTED)
    with desk.process.datastore.write() as connection:
        register(connection, "BookTrip", ["Trips"])
        before = follower_state(connection, "BookTrip").fence
    desk.process.intervene("Ada", lambda saga: saga.cancel(Operator("Eve")))
    with desk.process.datastore.read() as connection:
        assert follower_state(connection, "BookTrip").fence == before + 1


class Errand(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """It has one attempt at what cannot be undone: then it waits for a person."""

    @step(done=VisaFound, kind=PIVOT, retry=Retry(1))
    def check_visa(self) -> CheckVisa:
        return CheckVisa(traveller=self.key)

    @step(done=FlightBooked, kind=RETRIABLE)
    def book_flight(self) -> BookFlight:
        return BookFlight(traveller=self.key)


def in_batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), 500):
        yield names[start : start + 500]


def errands(url: str, names: Sequence[str], stuck: Sequence[str] = ()) -> Desk:
    """All of them are begun, and some are parked; what is in memory of them is gone."""
    desk = Desk(process_of(Errand, {}), url)
    for some in in_batches(names):
        desk.take(*(desk.message(happened(Trip.Wanted, traveller=each), each) for each in some))
    for some in in_batches(stuck):
        desk.take(*(fault_of_visa(desk, each) for each in some))
    assert {desk.journal(each).state for each in stuck} <= {State.PARKED}
    desk.process.close()
    return Desk(process_of(Errand, {}), url)


def fault_of_visa(desk: Desk, traveller: str) -> Message:
    (command,) = desk.journal(traveller).requests
    asked = CheckVisa(id=command, traveller=traveller)
    return desk.message(CommandFaulted.of(asked, 1, "down"), traveller)


def asked_of(desk: Desk, act: Callable[[], object]) -> list[tuple[str, int]]:
    """What the database is asked meanwhile, and for how much."""
    found: list[tuple[str, int]] = []

    def listen(connection: Any, cursor: Any, sql: str, parameters: Any, *_: object) -> None:
        found.append((sql, len(parameters)))

    engine = desk.process.datastore.engine
    event.listen(engine, "before_cursor_execute", listen)
    act()
    event.remove(engine, "before_cursor_execute", listen)
    return found


@pytest.mark.slow
def test_ten_thousand_open_sagas_of_which_some_are_stuck_hold_up_none_of_the_others(
    tmp_path: Path,
) -> None:
    names = [f"traveller {number}" for number in range(10_000)]
    stuck = names[::7]
    others = [names[1], names[5_000], names[-2]]
    crowd = errands(f"sqlite:///{tmp_path / 'crowd.db'}", names, stuck)
    alone = errands(f"sqlite:///{tmp_path / 'alone.db'}", others)

    def go_on(desk: Desk) -> list[tuple[str, int]]:
        heard = happened(VisaFound, number="V1")
        return asked_of(desk, lambda: desk.take(*(desk.message(heard, each) for each in others)))

    # They go on as if they were alone: nothing is asked for, or written, for the sake of the rest.
    assert go_on(crowd) == go_on(alone)
    for desk in (crowd, alone):
        assert [list(desk.journal(each).steps) for each in others] == [
            ["check_visa", "book_flight"]
        ] * 3
    assert {crowd.journal(each).state for each in stuck} == {State.PARKED}
    assert crowd.journal(names[2]).state is State.RUNNING
    # And one of those that are stuck goes on when a person says so, which concerns no other.
    crowd.process.intervene(stuck[0], lambda saga: saga.retry(Operator("Eve", "the line is there")))
    crowd.participant.roll_back()
    crowd.hear(happened(VisaFound, number="V2"), key=stuck[0])
    assert crowd.journal(stuck[0]).state is State.RUNNING
    assert crowd.journal(stuck[1]).state is State.PARKED
    for desk in (crowd, alone):
        desk.process.close()
