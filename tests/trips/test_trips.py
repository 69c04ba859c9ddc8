"""A travel agency on the public names alone: flight, room and car, and all of it or nothing."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID, uuid5

import pytest
from sqlalchemy import create_engine, select

import sagaline
from sagaline import Command, Runner, State, rebuild
from sagaline.testing import SOMEONE, Operator, Scenario, fault_matrix, given, happened
from tests.trips.bookings import Bill, Car, Flight, Plane, Room, Trip
from tests.trips.commands import (
    BookFlight,
    BookRoom,
    CancelFlight,
    CancelRoom,
    CancelTrip,
    ConfirmTrip,
    Insure,
    PayTrip,
    RentCar,
    ReturnCar,
    ScheduleFlights,
    WantTrip,
    WithdrawPolicy,
)
from tests.trips.contexts import Airline, Cashier, Garage, Trips
from tests.trips.plan_trip import PlanTrip
from tests.trips.system import TripList, agency, trip_list

TRIP = UUID("00000000-0000-4000-8000-000000000077")
BOOKED = (BookFlight, BookRoom, RentCar)
FACTS = {"traveller": "Ada", "age": 30, "to": "Lisbon", "nights": 7}
INSURED = happened(Trip.Wanted, **FACTS, insured=True)
BARE = happened(Trip.Wanted, **FACTS, insured=False)


@pytest.fixture
def trips() -> Iterator[Scenario]:
    """The agency, with two seats to Lisbon."""
    with Scenario(agency) as scenario:
        scenario.gives(ScheduleFlights(to="Lisbon", seats=2))
        yield scenario


def seats_left(trips: Scenario) -> int:
    plane: Plane = trips.get(Airline).repository.get(Plane.create_id("Lisbon"))
    return plane.left


def row(trips: Scenario) -> dict[str, object]:
    (found,) = trips.rows(TripList)
    return found


def test_a_trip_is_booked_at_once_paid_and_confirmed(trips: Scenario) -> None:
    trips.gives(WantTrip(trip_id=TRIP, traveller="Ada"))
    trips.then_ends(State.COMPLETED).then_asked(*BOOKED, PayTrip, ConfirmTrip).then_no_timers()
    assert row(trips) == {"trip_id": TRIP, "traveller": "Ada", "status": "confirmed", "reason": ""}
    assert seats_left(trips) == 1


def test_who_wants_an_insurance_gets_one_before_paying(trips: Scenario) -> None:
    trips.gives(WantTrip(trip_id=TRIP, traveller="Ada", insured=True))
    trips.then_ends(State.COMPLETED).then_asked(*BOOKED, Insure, PayTrip, ConfirmTrip)


def test_without_a_seat_the_room_and_the_car_are_given_back(trips: Scenario) -> None:
    trips.gives(WantTrip(trip_id=TRIP, traveller="Ada", to="Atlantis"))
    trips.then_ends(State.COMPENSATED, "no seat to Atlantis")
    trips.then_asked(*BOOKED, ReturnCar, CancelRoom, CancelTrip)
    assert row(trips)["reason"] == "no seat to Atlantis"


def test_of_two_refusals_the_first_is_the_reason_and_neither_is_undone(trips: Scenario) -> None:
    trips.gives(WantTrip(trip_id=TRIP, traveller="Ada", age=17, nights=40))
    trips.then_ends(State.COMPENSATED, "no room for 40 nights")
    trips.then_asked(*BOOKED, CancelFlight, CancelTrip)
    assert seats_left(trips) == 2


def test_who_cannot_pay_has_everything_undone_in_reverse_order(trips: Scenario) -> None:
    trips.gives(WantTrip(trip_id=TRIP, traveller="Nobody", insured=True))
    undone = (WithdrawPolicy, ReturnCar, CancelRoom, CancelFlight)
    trips.then_ends(State.COMPENSATED, "no money")
    trips.then_asked(*BOOKED, Insure, PayTrip, *undone, CancelTrip)


def test_a_garage_that_does_not_answer_is_told_to_take_the_car_back(trips: Scenario) -> None:
    with trips.stopped(Garage):
        trips.gives(WantTrip(trip_id=TRIP, traveller="Ada"))
        trips.pass_time(minutes=9).then_waits("rent_car")
        trips.pass_time(minutes=1).then_waits("rent_car").then_asked(*BOOKED, ReturnCar)
    trips.then_ends(State.COMPENSATED, "rent_car: no answer within 10 min")
    car: Car = trips.get(Garage).repository.get(Car.create_id(TRIP))
    assert car.cancelled


def test_a_bank_that_is_down_parks_the_trip_until_a_person_asks_again(trips: Scenario) -> None:
    def down(command: PayTrip) -> bool:
        raise ConnectionError("the bank is down")

    calm, trips.get(Cashier).bank = trips.get(Cashier).bank, down
    trips.gives(WantTrip(trip_id=TRIP, traveller="Ada"))
    trips.pass_time(seconds=5).then_waits("pay").pass_time(seconds=10)
    trips.then_parks("pay", "ConnectionError: the bank is down").then_no_timers()
    assert seats_left(trips) == 1
    trips.get(Cashier).bank = calm
    trips.intervene(lambda saga: saga.retry(Operator("Eve", "the bank is open")))
    trips.then_ends(State.COMPLETED)


def test_of_three_who_want_the_last_two_seats_one_stays_at_home(trips: Scenario) -> None:
    for name in ("Ada", "Bob", "Cy"):
        trips.gives(WantTrip(trip_id=uuid5(TRIP, name), traveller=name))
    statuses = [each["status"] for each in trips.rows(TripList)]
    assert sorted(map(str, statuses)) == ["cancelled", "confirmed", "confirmed"]
    assert seats_left(trips) == 0


def test_the_way_back_waits_for_what_is_in_flight() -> None:
    started = given(PlanTrip, BARE).then(
        BookFlight(trip_id=SOMEONE, to="Lisbon"),
        BookRoom(trip_id=SOMEONE, nights=7),
        RentCar(trip_id=SOMEONE, age=30),
    )
    refused = started.when(Flight.Refused, reason="full").when(Room.Booked).then_nothing()
    refused.when(Car.Refused, reason="none").then(CancelRoom(trip_id=SOMEONE))


@pytest.mark.slow
def test_a_trip_comes_to_a_good_end_whatever_goes_wrong() -> None:
    played = fault_matrix(PlanTrip, start=[INSURED, BARE])
    assert played.cases > 5_000
    assert played.crashes > 100


def accepted(runner: Runner, commands: Sequence[Command]) -> None:
    receipts = runner.get(Trips).execute(commands)
    assert [each.error for each in receipts] == [None] * len(commands)


def test_the_runner_leads_trips_on_a_store(store_url: str) -> None:
    with Runner(agency, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Airline).schedule(ScheduleFlights(to="Lisbon", seats=20))
        names = [f"traveller {number}" for number in range(24)] + ["Nobody"]
        accepted(
            runner,
            [
                WantTrip(
                    trip_id=uuid5(TRIP, name),
                    traveller=name,
                    nights=99 if name == "traveller 3" else 7,
                    insured=name == "traveller 4",
                )
                for name in names
            ],
        )
        runner.settle()
        found = {each.view: each.differences for each in rebuild(agency, runner.env, verify=True)}
    assert not any(found.values())
    engine = create_engine(store_url)
    with engine.connect() as connection:
        rows = {each.traveller: each for each in connection.execute(select(trip_list))}
    engine.dispose()
    confirmed = [each for each in rows.values() if each.status == "confirmed"]
    cancelled = [each for each in rows.values() if each.status == "cancelled"]
    assert len(confirmed) + len(cancelled) == len(names)
    # Whom the plane has no seat left for depends on who asks for it first.
    full = [each for each in cancelled if each.reason == "no seat to Lisbon"]
    assert 18 <= len(confirmed) <= 20
    assert len(full) >= 3
    assert rows["traveller 3"].reason == "no room for 99 nights"
    assert rows["Nobody"].reason in ("no money", "no seat to Lisbon")


def test_the_agency_is_built_on_the_public_names_alone() -> None:
    imported = {
        f"{node.module}.{each.name}"
        for path in Path(__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sagaline")
        for each in node.names
    }
    public = {f"sagaline.{name}" for name in sagaline.__all__}
    public |= {f"sagaline.testing.{name}" for name in sagaline.testing.__all__}
    assert imported <= public
    assert Bill in Cashier.aggregates
    assert any(Room.Booked in each.done for each in PlanTrip.steps.values())
