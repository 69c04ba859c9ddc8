"""A trip is booked line by line, approved by a person and paid; at night options are released."""

from typing import Any, NamedTuple

from sagaline import (
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Saga,
    ScheduledStart,
    hours,
    minutes,
    on_compensated,
    result,
    schedule,
    step,
    step_for_each,
    wait_for,
)
from tests.systems.travel.cars import Rental
from tests.systems.travel.commands import (
    BookLine,
    Charge,
    ConfirmTrip,
    DropTrip,
    FreeCar,
    FreeFlight,
    FreeHotel,
    HoldCar,
    HoldFlight,
    HoldHotel,
    Line,
    ReleaseNow,
    ReleaseOptions,
    WriteTo,
)
from tests.systems.travel.flights import Options, Seat
from tests.systems.travel.hotels import Room
from tests.systems.travel.trips import Trip


class Place(NamedTuple):
    """What is held for one line of a trip."""

    name: str
    price: int


Held = Seat.Held | Room.Held | Rental.Held


def booking_of(start: BookLine) -> str:
    return start.booking


class LineBooking(Saga, starts_on=BookLine, key=booking_of):
    """One line, by the supplier of its kind."""

    @step(done=Seat.Held, refused=Seat.Refused, within=minutes(5))
    def hold_flight(self) -> HoldFlight | None:
        line = self[BookLine].line
        return HoldFlight(booking=self.key, name=line.name) if line.kind == "flight" else None

    free_flight = hold_flight.undo(FreeFlight, done=Seat.Freed)

    @step(done=Room.Held, refused=Room.Refused, within=minutes(5))
    def hold_hotel(self) -> HoldHotel | None:
        line = self[BookLine].line
        return HoldHotel(booking=self.key, name=line.name) if line.kind == "hotel" else None

    free_hotel = hold_hotel.undo(FreeHotel, done=Room.Freed)

    @step(done=Rental.Held, refused=Rental.Refused, within=minutes(5))
    def hold_car(self) -> HoldCar | None:
        line = self[BookLine].line
        return HoldCar(booking=self.key, name=line.name) if line.kind == "car" else None

    free_car = hold_car.undo(FreeCar, done=Rental.Freed)

    @result
    def place(self) -> Place:
        kinds: tuple[type[Held], ...] = (Seat.Held, Room.Held, Rental.Held)
        held = next(self[each] for each in kinds if each in self)
        return Place(held.name, held.price)


def numbered_lines(saga: Saga) -> list[tuple[int, Line]]:
    return list(enumerate(saga[Trip.Wanted].lines))


def trip_of(wanted: Trip.Wanted) -> str:
    return wanted.trip


class BookTrip(Saga, starts_on=Trip.Wanted, key=trip_of):
    """Books all lines, two at a time; after the approval it charges the guest."""

    @step_for_each(numbered_lines, done=LineBooking, at_once=2)
    def book(self, numbered: tuple[int, Line]) -> BookLine:
        number, line = numbered
        return BookLine(booking=f"{self.key}/{number}", line=line)

    approval = wait_for(done=Trip.Approved, refused=Trip.Rejected, within=hours(48))

    @approval.reminder(after=hours(24))
    def remind(self) -> WriteTo:
        return WriteTo(trip=self.key, whom="Bob")

    @approval.reminder(after=hours(40))
    def escalate(self) -> WriteTo:
        return WriteTo(trip=self.key, whom="Bob's manager")

    @step(done=Trip.Charged, refused=Trip.ChargeDeclined, kind=PIVOT)
    def charge(self) -> Charge:
        return Charge(trip=self.key, amount=sum(place.price for place in self.places()))

    @step(done=Trip.Booked, kind=RETRIABLE)
    def confirm(self) -> ConfirmTrip:
        return ConfirmTrip(trip=self.key, places=tuple(place.name for place in self.places()))

    @on_compensated
    def drop(self) -> DropTrip:
        return DropTrip(trip=self.key, reason=self.reason)

    def places(self) -> list[Place]:
        return [place for _, place in self.book.done]


def night_of(start: Any) -> str:
    return start.key if isinstance(start, ScheduledStart) else start.night


class ReleaseExpired(
    Saga, starts_on=(schedule("0 2 * * *", zone="Europe/Berlin"), ReleaseNow), key=night_of
):
    """Releases expired options every night, and on a command."""

    @step(done=Options.Released, kind=NO_EFFECT)
    def release(self) -> ReleaseOptions:
        start = self[ScheduledStart] if ScheduledStart in self else self[ReleaseNow]
        return ReleaseOptions(night=self.key, at=start.at)
