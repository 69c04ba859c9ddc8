"""Saving by hand: inside a handler with its unit of work, outside of one as the library does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid5

import pytest
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent
from sqlalchemy import Column, Integer, MetaData, Table, select

from sagaline import (
    PIVOT,
    Application,
    Command,
    ReadModel,
    Runner,
    Saga,
    System,
    Uuid,
    handles,
    project,
    reacts_to,
    step,
)
from sagaline.errors import NotStorable, WriteInHandler
from sagaline.storage.tables.dead_letters import all_letters
from tests.sagaline.small_system import env
from tests.sagaline.trip import HoldSeat, OpenTrip, Pay, ReleaseSeat, Trip


class Note(Aggregate):
    class Written(Aggregate.Created): ...

    @event(Written)
    def __init__(self, id: UUID) -> None: ...


class WriteNote(Command, key="trip_id"):
    trip_id: UUID


class Notes(Application, aggregates=[Note]):
    @handles(WriteNote)
    def write(self, command: WriteNote) -> Note:
        return Note(id=uuid5(command.trip_id, "note"))


Act = Callable[[Any, Trip], Any]


class Trips(Application, aggregates=[Trip]):
    """Saves as applications of the library do. `act` is what the handler of Pay does."""

    act: Act
    notes: Notes

    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> None:
        trip = Trip(id=command.trip_id)
        assert self.save(trip, None) == []

    @handles(HoldSeat)
    def hold(self, command: HoldSeat) -> Trip:
        trip: Trip = self.repository.get(command.trip_id)
        trip.hold()
        self.save(trip)
        return trip

    @handles(ReleaseSeat)
    def release(self, command: ReleaseSeat) -> None:
        self.repository.get(command.trip_id).release()

    @handles(Pay)
    def pay(self, command: Pay) -> Any:
        return type(self).act(self, self.repository.get(command.trip_id))


class BookTrip(Saga, starts_on=Trip.Opened, key=lambda event: event.originator_id):
    hold = step(HoldSeat, done=Trip.SeatHeld)
    unhold = hold.undo(ReleaseSeat, done=Trip.SeatReleased)
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


class Payments(ReadModel):
    table = Table(
        "payments",
        MetaData(),
        Column("trip_id", Uuid, primary_key=True),
        Column("paid", Integer, nullable=False),
    )

    @project(Trip.Paid)
    def paid(self, event: Trip.Paid) -> None:
        row = self.rows.setdefault(event.originator_id, {"paid": 0})
        row["paid"] += 1


system = System("trips", applications=[Trips, Notes], sagas=[BookTrip], read_models=[Payments])

ONE = UUID(int=1)


def paid(trips: Trips, trip: Trip) -> None:
    trip.pay()


@contextmanager
def running(url: str, act: Act = paid) -> Iterator[Runner]:
    with Runner(system, env(url)) as runner:
        Trips.act = staticmethod(act)
        runner.get(Trips).notes = runner.get(Notes)
        yield runner


def log(runner: Runner, application: type[Application] = Trips) -> list[tuple[Any, ...]]:
    rows = runner.get(application).recorder.page(0, 1_000).rows
    return [(row.topic.rpartition(".")[2], row.key, row.hop) for row in rows]


def names(runner: Runner, application: type[Application] = Trips) -> list[str]:
    return [name for name, *_ in log(runner, application)]


def letters(runner: Runner) -> list[str]:
    with runner.views.read() as connection:
        return [each.error or "" for each in all_letters(connection)]


def test_a_handler_may_save_as_in_the_library(store_url: str) -> None:
    def save(trips: Trips, trip: Trip) -> None:
        trip.pay()
        trips.save(trip)

    with running(store_url, save) as runner:
        receipt = runner.get(Trips).open(OpenTrip(trip_id=ONE))
        assert receipt.position == "trips:1"
        runner.settle()
        assert log(runner) == [
            ("Opened", str(ONE), 0),
            ("SeatHeld", str(ONE), 2),
            ("Paid", str(ONE), 4),
        ]
        causes = [row.cause for row in runner.get(Trips).recorder.page(0, 10).rows]
        assert None not in causes
        assert letters(runner) == []


def test_what_was_saved_is_part_of_what_the_next_handler_of_the_batch_sees(store_url: str) -> None:
    with running(store_url) as runner:
        trips = runner.get(Trips)
        receipts = trips.execute([OpenTrip(trip_id=ONE), Pay(trip_id=ONE), HoldSeat(trip_id=ONE)])
        assert [each.position for each in receipts] == ["trips:1", "trips:2", "trips:3"]


def test_a_handler_goes_on_after_it_has_saved(store_url: str) -> None:
    def save_between(trips: Trips, trip: Trip) -> None:
        other: Trip = trips.repository.get(UUID(int=2))
        new = Trip(id=UUID(int=3))
        trip.pay()
        trips.save(trip, new)
        trip.pay()
        other.pay()
        new.pay()

    with running(store_url, save_between) as runner:
        trips = runner.get(Trips)
        trips.save(Trip(id=ONE), Trip(id=UUID(int=2)))
        trips.pay(Pay(trip_id=ONE))
        assert [trips.repository.get(UUID(int=n)).paid for n in (1, 2, 3)] == [2, 1, 1]


def test_an_event_may_be_saved(store_url: str) -> None:
    def save_event(trips: Trips, trip: Trip) -> None:
        event: Any = Trip.Paid
        version, moment = trip.version + 1, trips.now()
        trips.save(
            event(originator_id=trip.id, originator_version=version, timestamp=moment, words="")
        )

    with running(store_url, save_event) as runner:
        trips = runner.get(Trips)
        trips.save(Trip(id=ONE))
        assert [trips.pay(Pay(trip_id=ONE)).position for _ in "ab"] == ["trips:2", "trips:3"]
        assert trips.repository.get(ONE).paid == 2


class Refused(Exception):
    pass


def test_what_raises_after_saving_leaves_nothing(store_url: str) -> None:
    def save_and_raise(trips: Trips, trip: Trip) -> None:
        trip.pay()
        new = Trip(id=UUID(int=3))
        trips.save(trip, new)
        event: Any = Trip.Paid
        trips.save(
            event(originator_id=new.id, originator_version=2, timestamp=trips.now(), words="")
        )
        raise Refused

    with running(store_url, save_and_raise) as runner:
        trips = runner.get(Trips)
        trips.save(Trip(id=ONE))
        with pytest.raises(Refused):
            trips.pay(Pay(trip_id=ONE))
        first, second = trips.execute([Pay(trip_id=ONE), HoldSeat(trip_id=ONE)])
        assert isinstance(first.error, Refused)
        assert second.error is None
        runner.settle()
        # The saga gave the command three times; its letter is what is left.
        assert names(runner)[:2] == ["Opened", "SeatHeld"]
        assert "Paid" not in names(runner)
        assert ["Refused" in each for each in letters(runner)] == [True]
        assert trips.repository.get(ONE).paid == 0


def test_what_cannot_be_stored_fails_the_handler_even_if_it_goes_on(store_url: str) -> None:
    def save_and_go_on(trips: Trips, trip: Trip) -> Trip:
        trip.pay("\ud800")
        with suppress(NotStorable):
            trips.save(trip)
        trip.pay()
        return trip

    with running(store_url, save_and_go_on) as runner:
        trips = runner.get(Trips)
        trips.save(Trip(id=ONE))
        with pytest.raises(NotStorable):
            trips.pay(Pay(trip_id=ONE))
        assert trips.execute([HoldSeat(trip_id=ONE)])[0].error is None
        assert names(runner)[:2] == ["Opened", "SeatHeld"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "int cannot be stored: Trips.save gave it, and it is neither an aggregate nor an"),
        ([], "list cannot be stored"),
        ((each for each in "a"), "Trips.save returned a generator, which is not run"),
    ],
)
def test_what_is_neither_an_aggregate_nor_an_event_is_not_saved(
    sqlite_store: str, given: Any, said: str
) -> None:
    with running(sqlite_store, lambda trips, trip: trips.save(given)) as runner:
        trips = runner.get(Trips)
        trips.save(Trip(id=ONE))
        with pytest.raises(TypeError, match=said):
            trips.pay(Pay(trip_id=ONE))


def stored() -> StoredEvent:
    return StoredEvent(UUID(int=9), 1, "topic", b"{}")


ELSEWHERE: dict[str, tuple[Act, str]] = {
    "another application saves": (
        lambda trips, trip: trips.notes.save(Note(id=UUID(int=9))),
        "write to ",
    ),
    "another application executes": (
        lambda trips, trip: trips.notes.write(WriteNote(trip_id=trip.id)),
        "execute commands of Notes",
    ),
    "another handler is called": (
        lambda trips, trip: trips.hold(HoldSeat(trip_id=trip.id)),
        "execute commands of Trips",
    ),
    "commands are executed": (
        lambda trips, trip: trips.execute([HoldSeat(trip_id=trip.id)]),
        "execute commands of Trips",
    ),
    "events are put into the event store": (
        lambda trips, trip: trips.events.put([Trip(id=UUID(int=9)).pending_events[0]]),
        "write to ",
    ),
    "events are inserted by the recorder": (
        lambda trips, trip: trips.recorder.insert_events([stored()]),
        "write to ",
    ),
    "a transaction is opened": (
        lambda trips, trip: trips.datastore.write().__enter__(),
        "write to ",
    ),
    "arguments for the recorder": (
        lambda trips, trip: trips.save(trip, tracking=None),
        "save with tracking",
    ),
}


@pytest.mark.parametrize(("act", "action"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_what_cannot_join_is_refused_where_it_is_called(
    store_url: str, act: Act, action: str
) -> None:
    with running(store_url, act) as runner:
        trips = runner.get(Trips)
        trips.save(Trip(id=ONE))
        with pytest.raises(WriteInHandler) as refused:
            trips.pay(Pay(trip_id=ONE))
        assert f"Trips is handling a message and cannot {action}" in str(refused.value)
        assert "Save aggregates of its own with `save`, or return them," in str(refused.value)
        runner.settle()
        assert "Paid" not in names(runner)
        assert names(runner, Notes) == []
        assert [action in each for each in letters(runner)] == [True]


def test_outside_a_handler_it_saves_at_once_and_the_followers_see_it(store_url: str) -> None:
    with running(store_url) as runner:
        trips = runner.get(Trips)
        (recording,) = trips.save(Trip(id=ONE))
        assert recording.notification.id == 1
        runner.settle()
        assert names(runner) == ["Opened", "SeatHeld", "Paid"], "the saga was started by it"
        trip: Trip = trips.repository.get(ONE)
        trip.pay()
        trips.save(trip)
        runner.settle()
        # The handlers' own copy of the aggregate is read again.
        trips.pay(Pay(trip_id=ONE))
        runner.settle()
        assert trips.repository.get(ONE).paid == 3
        with runner.views.read() as connection:
            paid = connection.execute(select(Payments.table.c.paid)).scalars().all()
            assert paid == [3]


class Reacting(Notes):
    """Saves where it may only read."""

    name = "Reacting"

    @reacts_to(Trip.Opened)
    def note(self, event: Trip.Opened) -> WriteNote:
        self.save(Note(id=UUID(int=9)))
        return WriteNote(trip_id=event.originator_id)


class Leaking(ReadModel):
    """Saves in an application that it was given."""

    table = Table("leaking", MetaData(), Column("trip_id", Uuid, primary_key=True))
    application: Application

    @project(Trip.Opened)
    def opened(self, event: Trip.Opened) -> None:
        type(self).application.save(Trip(id=UUID(int=9)))


def test_reactions_and_read_models_save_nothing(store_url: str) -> None:
    leaking = System("leaking", applications=[Trips, Reacting], read_models=[Leaking])
    with Runner(leaking, env(store_url)) as runner:
        Leaking.application = runner.get(Trips)
        runner.get(Trips).save(Trip(id=ONE))
        runner.settle()
        assert names(runner) == ["Opened"]
        assert names(runner, Reacting) == []
        said = sorted(letters(runner))
        assert [each.partition(" and cannot ")[0] for each in said] == [
            "WriteInHandler: Reacting is handling a message",
            "WriteInHandler: leaking is handling a message",
        ]


class Asking(Notes):
    """Its port is another application, which has each command once."""

    name = "Asking"
    trips: Trips

    @handles(WriteNote)
    def write(self, command: WriteNote, answer: bool) -> Note | None:
        return Note(id=uuid5(command.trip_id, "note")) if answer else None

    @write.asks
    def _open_trip(self, command: WriteNote) -> bool:
        return not self.trips.open(OpenTrip(id=command.id, trip_id=command.trip_id)).duplicate


def test_a_port_may_be_another_application(new_store: Callable[[str], str]) -> None:
    asking = System("asking", applications=[Trips, Asking])
    where = {**env(new_store("asking")), "TRIPS_SQLALCHEMY_URL": new_store("trips")}
    with Runner(asking, where) as runner:
        runner.get(Asking).trips = runner.get(Trips)
        runner.get(Asking).write(WriteNote(trip_id=ONE))
        assert names(runner) == ["Opened"]
        assert names(runner, Asking) == ["Written"]
