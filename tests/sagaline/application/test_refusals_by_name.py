"""An error of the domain that a handler names becomes the refusal that its saga hears."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import PIVOT, Application, Command, Runner, Saga, System, handles, minutes, step
from sagaline.messaging.timers import SetTimer
from sagaline.saga.instance import Journal
from sagaline.storage.tables.dead_letters import all_letters
from tests.sagaline.small_system import env


class NoSeat(Exception):
    """No seat is left."""

    def __init__(self, wanted: int, left: int) -> None:
        super().__init__(f"{wanted} seats wanted, {left} left")
        self.left = left


class NoFirstClass(NoSeat):
    """No seat of the first class is left."""


class Closed(Exception):
    seats: int


class Broken(Exception):
    reason: str


class Trip(Aggregate):
    class Opened(Aggregate.Created):
        seats: int

    class SeatHeld(Aggregate.Event):
        seats: int

    class SeatRefused(Aggregate.Event):
        seats: int
        reason: str
        left: int = -1

    @event(Opened)
    def __init__(self, id: UUID, seats: int) -> None:
        self.left = 10

    @event(SeatHeld)
    def hold(self, seats: int) -> None:
        self.left -= seats


class Notice(Aggregate):
    class Posted(Aggregate.Created):
        words: str

    @event(Posted)
    def __init__(self, words: str) -> None: ...


class OpenTrip(Command, key="trip_id"):
    trip_id: UUID
    seats: int


class HoldSeat(Command, key="trip_id"):
    trip_id: UUID
    seats: int
    also: UUID | None = None


class Remind(Command, key="trip_id"):
    trip_id: UUID


def turned_away(command: HoldSeat, error: Closed) -> Notice:
    return Notice(words=f"{command.seats} of {error.seats}")


class Trips(Application, aggregates=[Trip, Notice]):
    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> Trip:
        return Trip(id=command.trip_id, seats=command.seats)

    @handles(
        HoldSeat,
        refuses={
            NoSeat: Trip.SeatRefused,
            AggregateNotFoundError: Trip.SeatRefused,
            Closed: turned_away,
        },
    )
    def hold(self, command: HoldSeat) -> None:
        if command.seats == NOBODY:
            self.repository.get(uuid4())
        trip: Trip = self.repository.get(command.trip_id)
        self.set_timer(SetTimer("remind", minutes(1), Remind(trip_id=command.trip_id)))
        trip.hold(command.seats)
        self.save(Notice(words="a seat is held"), trip)
        if command.seats == A_BUG:
            raise ValueError("a bug")
        if command.seats == CLOSED:
            error = Closed()
            error.seats = 0
            raise error
        if trip.left < 0:
            kind = NoFirstClass if command.seats > 50 else NoSeat
            raise kind(command.seats, trip.left + command.seats)

    @handles(Remind)
    def remind(self, command: Remind) -> None: ...


A_BUG, CLOSED, NOBODY = 1_000, 2_000, 3_000


class BookTrip(Saga, starts_on=Trip.Opened, key=lambda opened: opened.originator_id):
    @step(done=Trip.SeatHeld, refused=(Trip.SeatRefused, Notice.Posted), kind=PIVOT)
    def hold_seat(self) -> HoldSeat:
        return HoldSeat(trip_id=self.key, seats=self[Trip.Opened].seats)


trips = System("trips", applications=[Trips], sagas=[BookTrip])


@pytest.fixture
def runner(store_url: str) -> Iterator[Runner]:
    with Runner(trips, env(store_url)) as runner:
        yield runner


def opened(runner: Runner, seats: int) -> UUID:
    """A trip that wants so many seats, once its saga has asked for them."""
    trip_id = uuid4()
    runner.get(Trips).open(OpenTrip(trip_id=trip_id, seats=seats))
    runner.settle(horizon=0)
    return trip_id


def names(runner: Runner) -> list[str]:
    log = runner.get(Trips).notification_log.select(1, 10)
    return [each.topic.rpartition(":")[2] for each in log]


def end(runner: Runner) -> str:
    processes: Any = runner.get(trips.processes[0])
    log = processes.notification_log.select(1, 10)
    ends = [processes.mapper.to_domain_event(each) for each in log]
    return next(
        f"{each.state.value}: {each.reason}" for each in ends if isinstance(each, Journal.Ended)
    )


@pytest.mark.parametrize("seats", [11, 60], ids=["the error", "one that derives from it"])
def test_an_error_of_an_aggregate_becomes_the_refusal_that_the_saga_hears(
    runner: Runner, seats: int
) -> None:
    trip = opened(runner, seats)
    assert end(runner) == f"compensated: {seats} seats wanted, 10 left"
    (_, refused) = runner.get(Trips).events.get(trip)
    assert isinstance(refused, Trip.SeatRefused)
    assert (refused.seats, refused.left) == (seats, 10)


def test_nothing_that_the_handler_did_before_is_stored(runner: Runner) -> None:
    trip = opened(runner, 11)
    assert names(runner) == ["Trip.Opened", "Trip.SeatRefused"]
    assert runner.get(Trips).repository.get(trip).left == 10
    assert runner.settled()  # no timer is set


def test_a_refusal_does_not_touch_the_others_of_its_batch(runner: Runner) -> None:
    ids = [uuid4() for _ in range(6)]
    runner.get(Trips).execute([OpenTrip(trip_id=e, seats=9 + n % 3) for n, e in enumerate(ids)])
    runner.settle(horizon=0)
    assert [runner.get(Trips).repository.get(each).left for each in ids] == [1, 0, 10, 1, 0, 10]


def test_any_other_error_stays_a_bug(runner: Runner) -> None:
    opened(runner, A_BUG)
    assert names(runner) == ["Trip.Opened"]
    with runner.get(Trips).datastore.read() as connection:
        (letter,) = all_letters(connection)
    assert "ValueError: a bug" in str(letter)


def test_a_function_makes_the_refusal_of_another_aggregate(runner: Runner) -> None:
    opened(runner, CLOSED)
    assert end(runner) == "compensated: Posted"


def test_a_refusal_without_its_aggregate_has_a_stream_of_its_own(runner: Runner) -> None:
    trip = opened(runner, NOBODY)
    assert end(runner).startswith("compensated: ")
    assert len(list(runner.get(Trips).events.get(trip))) == 1
    assert names(runner)[-1] == "Trip.SeatRefused"


def test_a_person_who_executes_the_command_gets_the_error_itself(runner: Runner) -> None:
    trip = opened(runner, 1)
    with pytest.raises(NoSeat):
        runner.get(Trips).hold(HoldSeat(trip_id=trip, seats=11))
    assert "Trip.SeatRefused" not in names(runner)
