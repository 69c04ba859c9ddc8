"""A travel agency that books trips line by line, on both databases, with a clock that is moved."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from sagaline import Command, Runner, Saga, ScheduledStart
from sagaline.testing import LONG_AGO, fault_matrix
from tests.systems.travel.cars import Cars, Rental
from tests.systems.travel.commands import (
    Approve,
    BookLine,
    KeepOption,
    Line,
    Reject,
    ReleaseNow,
    WantTrip,
)
from tests.systems.travel.flights import Flights, Seat
from tests.systems.travel.hotels import Hotels, Room
from tests.systems.travel.sagas import LineBooking, ReleaseExpired
from tests.systems.travel.system import system
from tests.systems.travel.trips import Trip, Trips

NOON = datetime(2031, 12, 1, 12, tzinfo=UTC)
FLIGHT = Line(kind="flight", name="KL 12")
HOTEL = Line(kind="hotel", name="inn")
CAR = Line(kind="car", name="Beetle")
HELD = [True, True, True]
FREED = [False, False, False]


class Agency:
    """The agency on a store."""

    def __init__(self, url: str) -> None:
        self.now = NOON
        self.runner = Runner(system, {"SQLALCHEMY_URL": url}, now=lambda: self.now)

    def __enter__(self) -> Self:
        self.runner.start()
        self.settle()
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stop()

    def gives(self, *commands: Command) -> None:
        apps: dict[type, Any] = {KeepOption: Flights}
        for command in commands:
            self.runner.get(apps.get(type(command), Trips)).execute_one(command)
        self.settle()

    def wants(self, *lines: Line) -> None:
        self.gives(WantTrip(trip="7", lines=lines))

    def settle(self) -> None:
        assert not self.runner.settle(30, horizon=0)

    def wait(self, **time: float) -> None:
        """Lets time pass, hour by hour."""
        until = self.now + timedelta(**time)
        while self.now < until:
            self.now = min(until, self.now + timedelta(hours=1))
            self.settle()

    def trip(self) -> Trip:
        return self.runner.get(Trips).trip("7")

    def held(self) -> list[bool]:
        """Whether the flight, the hotel and the car of the trip are held."""
        seat: Seat = self.runner.get(Flights).repository.get(Seat.create_id("7/0"))
        room: Room = self.runner.get(Hotels).repository.get(Room.create_id("7/1"))
        car: Rental = self.runner.get(Cars).repository.get(Rental.create_id("7/2"))
        return [seat.held, room.held, car.held]

    def options(self) -> list[str]:
        return list(self.runner.get(Flights).options().kept)


@pytest.fixture
def agency(store_url: str) -> Iterator[Agency]:
    with Agency(store_url) as found:
        yield found


def test_a_trip_is_booked_once_somebody_approves_it(agency: Agency) -> None:
    agency.wants(FLIGHT, HOTEL, CAR)
    assert (agency.trip().status, agency.held()) == ("wanted", HELD)
    agency.gives(Approve(trip="7", by="Bob"))
    trip = agency.trip()
    assert (trip.status, trip.charged, trip.places) == ("booked", 600, ("KL 12", "inn", "Beetle"))
    assert (agency.held(), trip.mails) == (HELD, [])


def test_a_line_that_is_full_gives_the_others_back(agency: Agency) -> None:
    agency.wants(FLIGHT, HOTEL, CAR, Line(kind="hotel", name="grand hotel"))
    assert (agency.trip().status, agency.trip().reason) == ("dropped", "the grand hotel is full")
    assert agency.held() == FREED


def test_a_trip_that_is_rejected_gives_its_places_back(agency: Agency) -> None:
    agency.wants(FLIGHT, HOTEL, CAR)
    agency.gives(Reject(trip="7", reason="too far"))
    assert (agency.trip().reason, agency.held()) == ("too far", FREED)


def test_a_trip_that_is_too_dear_gives_its_places_back(agency: Agency) -> None:
    agency.wants(FLIGHT, HOTEL, CAR, FLIGHT, HOTEL)
    agency.gives(Approve(trip="7", by="Bob"))
    assert (agency.trip().reason, agency.trip().charged) == ("1100 is too dear", 0)
    assert agency.held() == FREED


def test_who_is_late_is_reminded_then_his_manager_then_the_trip_is_dropped(
    agency: Agency,
) -> None:
    agency.wants(FLIGHT, HOTEL, CAR)
    agency.wait(hours=23)
    assert agency.trip().mails == []
    agency.wait(hours=2)
    assert agency.trip().mails == ["Bob"]
    agency.wait(hours=16)
    assert agency.trip().mails == ["Bob", "Bob's manager"]
    agency.wait(hours=8)
    assert (agency.trip().status, agency.held()) == ("dropped", FREED)


def test_an_approval_after_a_reminder_counts(agency: Agency) -> None:
    agency.wants(FLIGHT, HOTEL, CAR)
    agency.wait(hours=30)
    agency.gives(Approve(trip="7", by="Bob"))
    agency.wait(hours=30)
    assert (agency.trip().status, agency.trip().mails) == ("booked", ["Bob"])


def test_options_that_are_over_are_released_at_night(agency: Agency) -> None:
    agency.gives(
        KeepOption(option="Ada", until=NOON + timedelta(hours=6)),
        KeepOption(option="Bob", until=NOON + timedelta(days=1)),
    )
    agency.wait(hours=12)
    assert agency.options() == ["Ada", "Bob"]
    agency.wait(hours=2)
    assert agency.options() == ["Bob"]
    agency.wait(days=1)
    assert agency.options() == []


def test_options_that_are_over_are_released_out_of_turn(agency: Agency) -> None:
    agency.gives(KeepOption(option="Ada", until=NOON))
    release = ReleaseNow(night="today", at=NOON)
    agency.runner.apps["ReleaseExpired"].execute_one(release)
    agency.settle()
    assert agency.options() == []


STARTS = {
    LineBooking: [BookLine(booking="7/0", line=each) for each in (FLIGHT, HOTEL, CAR)],
    ReleaseExpired: [ScheduledStart(at=LONG_AGO), ReleaseNow(night="today", at=LONG_AGO)],
}


@pytest.mark.parametrize("saga", STARTS)
def test_each_saga_ends_right_whatever_fails(saga: type[Saga]) -> None:
    assert fault_matrix(saga, start=STARTS[saga]).cases > 10


def test_the_sagas_end_right_together_whatever_fails() -> None:
    assert fault_matrix(system, stories=150).cases > 50
