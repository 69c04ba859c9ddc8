"""Events of subclasses, and of classes that were renamed, are handled like all others."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.utils import register_topic
from sqlalchemy import Column, MetaData, Table, Text, select

from sagaline import (
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    DefinitionError,
    ReadModel,
    Runner,
    Saga,
    System,
    handles,
    hears,
    project,
    reacts_to,
    rebuild,
    step,
)
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.state import State
from sagaline.storage.sql.columns import Uuid
from sagaline.system.saga_list import saga_list
from sagaline.testing import given, happened
from tests.sagaline.storage.stores import outside


class Journey(Aggregate):
    """A base class whose events are inherited."""

    class Opened(Aggregate.Created):
        contract: str | None

    class SeatHeld(Aggregate.Event):
        seat: str

    class SeatRefused(SeatHeld): ...

    class Paid(Aggregate.Event): ...


class Flight(Journey):
    class OpenedOnline(Journey.Opened): ...


class Cruise(Journey): ...


class Ticket(Aggregate):
    class Printed(Aggregate.Created): ...


class OpenFlight(Command, key="id_"):
    id_: UUID
    online: bool = False
    contract: str | None = "c1"


class OpenCruise(Command, key="id_"):
    id_: UUID


class HoldSeat(Command, key="id_"):
    id_: UUID


class Pay(Command, key="id_"):
    id_: UUID


class Print(Command, key="id_"):
    id_: UUID


class Flights(Application, aggregates=[Flight]):
    @handles(OpenFlight)
    def open(self, command: OpenFlight) -> Flight:
        opened = Flight.OpenedOnline if command.online else Flight.Opened
        return Flight._create(opened, id=command.id_, contract=command.contract)

    @handles(HoldSeat)
    def hold(self, command: HoldSeat) -> None:
        flight: Flight = self.repository.get(command.id_)
        held = late_class() if command.id_.int == 2 else Flight.SeatHeld
        flight.trigger_event(held, seat="1A")

    @handles(Pay)
    def pay(self, command: Pay) -> None:
        flight: Flight = self.repository.get(command.id_)
        flight.trigger_event(Flight.Paid)


class Cruises(Application, aggregates=[Cruise]):
    @handles(OpenCruise)
    def open(self, command: OpenCruise) -> Cruise:
        return Cruise._create(Cruise.Opened, id=command.id_, contract=None)


class Tickets(Application, aggregates=[Ticket]):
    @reacts_to(Journey.Opened)
    def prepare(self, event: Journey.Opened) -> Print:
        return Print(id_=event.originator_id)

    @handles(Print)
    def print(self, command: Print) -> Ticket:
        return Ticket._create(Ticket.Printed, id=UUID(int=command.id_.int + 1000))


def late_class() -> type[Journey.SeatHeld]:
    """A class of events that is defined after all followers have started."""
    if "WindowSeatHeld" not in globals():
        names = {"__module__": __name__}
        globals()["WindowSeatHeld"] = type("WindowSeatHeld", (Flight.SeatHeld,), names)
    found: type[Journey.SeatHeld] = globals()["WindowSeatHeld"]
    return found


class Travel(Saga, starts_on=Journey.Opened, key=lambda event: event.originator_id):
    seats = ""

    @hears(Journey.SeatHeld)
    def remember(self, event: Journey.SeatHeld) -> None:
        self.seats += event.seat

    @step(done=Journey.SeatHeld, refused=Journey.SeatRefused, kind=NO_EFFECT)
    def hold(self) -> HoldSeat:
        return HoldSeat(id_=self[Journey.Opened].originator_id)

    @step(done=Journey.Paid, kind=PIVOT)
    def pay(self) -> Pay:
        assert self.seats == self[Journey.SeatHeld].seat == "1A"
        return Pay(id_=self.key)


opened_list = Table(
    "opened_list", MetaData(), Column("id", Uuid, primary_key=True), Column("class", Text)
)


class OpenedList(ReadModel):
    table = opened_list

    @project(Journey.Opened)
    def opened(self, event: Journey.Opened) -> None:
        self.rows[event.originator_id] = {"class": type(event).__qualname__}


system = System(
    "journeys",
    applications=[Flights, Cruises, Tickets],
    sagas=[Travel],
    read_models=[OpenedList],
)


@contextmanager
def journeys(store_url: str, of: System = system) -> Iterator[Runner]:
    with Runner(of, env(store_url)) as runner:
        yield runner


def env(store_url: str) -> dict[str, str]:
    return {"SQLALCHEMY_URL": store_url, "PERSISTENCE_MODULE": "sagaline.storage"}


def sagas(runner: Runner) -> dict[int, str]:
    with runner.views.read() as connection:
        found = connection.execute(select(saga_list.c.key, saga_list.c.state)).all()
    return {UUID(key).int: state for key, state in found}


def opened(runner: Runner) -> dict[int, str]:
    with runner.views.read() as connection:
        found = connection.execute(select(opened_list)).all()
    return {id_.int: name for id_, name in found}


def printed(runner: Runner) -> int:
    return runner.get(Tickets).recorder.max_notification_id() or 0


def test_a_base_class_stands_for_its_subclasses_in_every_follower(store_url: str) -> None:
    with journeys(store_url) as runner:
        for number in (1, 2, 3):
            runner.get(Flights).open(OpenFlight(id_=UUID(int=number), online=number == 3))
        runner.get(Cruises).open(OpenCruise(id_=UUID(int=4)))
        runner.settle()
        assert sagas(runner) == {
            1: "completed",
            2: "completed",
            3: "completed",
            4: "running",  # a flight's seats are held for it, and there is no such flight
        }
        assert opened(runner) == {
            1: "Flight.Opened",
            2: "Flight.Opened",
            3: "Flight.OpenedOnline",
            4: "Cruise.Opened",
        }
        assert printed(runner) == 4


def test_the_nearest_class_decides_what_an_event_means_to_a_saga() -> None:
    started = given(Travel, happened(Flight.OpenedOnline, contract=None))
    started.then_waits("hold")
    started.when(happened(Flight.SeatHeld, seat="1A")).then_waits("pay")
    refused = started.when(happened(Flight.SeatRefused, seat="1A"))
    refused.then_ends(State.COMPENSATED, "SeatRefused")


def test_a_reaction_to_a_base_class_whose_subclass_is_its_own_is_refused() -> None:
    class Fares(Application, aggregates=[Cruise]):
        @reacts_to(Journey.Opened)
        def prepare(self, event: Journey.Opened) -> Print:
            return Print(id_=event.originator_id)

        @handles(Print)
        def print(self, command: Print) -> None: ...

    with pytest.raises(DefinitionError, match=r"reacts to Journey\.Opened, which Fares itself"):
        System("fares", applications=[Flights, Fares])


FORMER = {
    "Flight.Opened": "former.trips:Trip.Begun",
    "Flight.SeatHeld": "former.trips:Trip.SeatKept",
    "HoldSeat": "former.trips:KeepSeat",
}


@pytest.fixture
def renamed() -> dict[str, str]:
    for name, topic in FORMER.items():
        found: object = globals()[name.partition(".")[0]]
        for part in name.split(".")[1:]:
            found = getattr(found, part)
        register_topic(topic, found)  # type: ignore[arg-type]  # a class
    return {f"{__name__}:{name}": topic for name, topic in FORMER.items()}


def rename(store_url: str, table: str, topics: dict[str, str]) -> None:
    """Gives the events of a log the topics that their classes had before they were renamed."""
    with outside(store_url) as connection:
        for present, former in topics.items():
            sql = f"UPDATE {table} SET topic = '{former}' WHERE topic = '{present}'"
            connection.exec_driver_sql(sql)


def test_events_of_a_renamed_class_reach_every_follower(
    store_url: str, renamed: dict[str, str]
) -> None:
    with closing(Flights(env(store_url))) as flights:
        flights.open(OpenFlight(id_=UUID(int=1)))
    rename(store_url, "flights_events", renamed)
    with journeys(store_url) as runner:
        runner.settle()
        assert sagas(runner) == {1: "completed"}
        assert opened(runner) == {1: "Flight.Opened"}
        assert printed(runner) == 1
    rename(store_url, "flights_events", renamed)
    rename(store_url, "travel_events", renamed)
    assert {each.view: each.rows for each in rebuild(system, env(store_url))} == {
        "opened_list": 1,
        "saga_list": 1,
    }
    assert [each.differences for each in rebuild(system, env(store_url), verify=True)] == [[], []]


def test_a_command_of_a_renamed_class_is_carried_out(
    store_url: str, renamed: dict[str, str]
) -> None:
    with closing(Flights(env(store_url))) as flights:
        flights.open(OpenFlight(id_=UUID(int=1)))
    runner = Runner(system, env(store_url), only=["Travel"])
    runner.windows["Flights"].refresh()
    assert runner.followers[0].step()
    runner.stop()
    rename(store_url, "travel_events", renamed)
    with journeys(store_url) as runner:
        runner.settle()
        assert sagas(runner) == {1: "completed"}


def test_a_live_saga_can_continue_after_its_command_was_renamed(renamed: dict[str, str]) -> None:
    journal = given(Travel, happened(Flight.Opened, contract=None)).journal
    shape = saga_declaration(Travel).shape
    present = f"{__name__}:HoldSeat"
    former = {part: each.replace(present, renamed[present]) for part, each in shape.items()}
    assert former != shape
    assert incompatibility(Travel, journal, former) is None
    other = {part: each.replace(present, "former.trips:Other") for part, each in shape.items()}
    assert "it has requested hold" in (incompatibility(Travel, journal, other) or "")
