"""A saga that an operator cancels while it waits: nothing is waited for that can be given up."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event

from sagaline import NO_EFFECT, Application, Command, Runner, Saga, System, handles, hours, step
from sagaline.application.saga_process import SagaProcess
from sagaline.saga.interventions import Operator
from tests.sagaline.small_system import env

TRIP = UUID(int=7)


class Trip(Aggregate):
    class Wanted(Aggregate.Created): ...

    class SeatHeld(Aggregate.Event): ...

    class SeatReleased(Aggregate.Event): ...

    class Asked(Aggregate.Event): ...

    class Approved(Aggregate.Event): ...

    class Booked(Aggregate.Event): ...

    class Unbooked(Aggregate.Event): ...

    @event(Wanted)
    def __init__(self, id: UUID) -> None: ...


class TripCommand(Command, key="trip_id"):
    trip_id: UUID


class WantTrip(TripCommand): ...


class HoldSeat(TripCommand): ...


class ReleaseSeat(TripCommand): ...


class AskManager(TripCommand): ...


class Book(TripCommand): ...


class Unbook(TripCommand): ...


class Trips(Application, aggregates=[Trip]):
    @handles(WantTrip)
    def want(self, command: WantTrip) -> Trip:
        return Trip(id=command.trip_id)

    @handles(HoldSeat)
    def hold(self, command: HoldSeat) -> None:
        self._say(command, Trip.SeatHeld)

    @handles(ReleaseSeat)
    def release(self, command: ReleaseSeat) -> None:
        self._say(command, Trip.SeatReleased)

    @handles(AskManager)
    def ask(self, command: AskManager) -> None:
        """The manager answers when she likes."""
        self._say(command, Trip.Asked)

    @handles(Book)
    def book(self, command: Book) -> None:
        """The agency answers when it likes."""

    @handles(Unbook)
    def unbook(self, command: Unbook) -> None:
        self._say(command, Trip.Unbooked)

    def _say(self, command: TripCommand, what: type[Aggregate.Event]) -> None:
        self.repository.get(command.trip_id).trigger_event(what)


class Approve(Saga, starts_on=Trip.Wanted, key=lambda event: event.originator_id):
    hold_seat = step(HoldSeat, done=Trip.SeatHeld)
    release_seat = hold_seat.undo(ReleaseSeat, done=Trip.SeatReleased)
    ask_manager = step(AskManager, done=Trip.Approved, kind=NO_EFFECT, within=hours(48))


class Reserve(Saga, starts_on=Trip.Wanted, key=lambda event: event.originator_id):
    hold_seat = step(HoldSeat, done=Trip.SeatHeld)
    release_seat = hold_seat.undo(ReleaseSeat, done=Trip.SeatReleased)
    book = step(Book, done=Trip.Booked)
    unbook = book.undo(Unbook, done=Trip.Unbooked)


systems = {each: System("trips", applications=[Trips], sagas=[each]) for each in (Approve, Reserve)}


@pytest.fixture
def cancelled(request: pytest.FixtureRequest, store_url: str) -> Iterator[list[str]]:
    """What the trip has recorded, once its saga was cancelled while it waited."""
    system = systems[request.param]
    with Runner(system, env(store_url)) as runner:
        trips = runner.get(Trips)
        trips.want(WantTrip(trip_id=TRIP))
        runner.settle(horizon=0)
        (process_class,) = system.processes
        process: SagaProcess = runner.get(process_class)
        process.intervene(str(TRIP), lambda saga: saga.cancel(Operator("Eve", "she rang")))
        runner.settle()
        yield [type(each).__name__ for each in trips.events.get(TRIP)]


@pytest.mark.parametrize("cancelled", [Approve], indirect=True)
def test_a_step_without_effect_is_given_up_and_the_others_are_undone(cancelled: list[str]) -> None:
    assert cancelled == ["Wanted", "SeatHeld", "Asked", "SeatReleased"]


@pytest.mark.parametrize("cancelled", [Reserve], indirect=True)
def test_a_step_that_may_have_an_effect_is_undone_too(cancelled: list[str]) -> None:
    assert cancelled == ["Wanted", "SeatHeld", "Unbooked", "SeatReleased"]
