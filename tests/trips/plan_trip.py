"""A trip: all of it, or nothing."""

from sagaline import PIVOT, RETRIABLE, Retry, Saga, minutes, on_compensated, seconds, step
from tests.trips.bookings import Bill, Car, Flight, Policy, Room, Trip
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
    WithdrawPolicy,
)


class PlanTrip(Saga, starts_on=Trip.Wanted, key=lambda event: event.originator_id):
    """Flight, room and car at once; then the insurance, if wanted; then it is paid, and stands."""

    @step(done=Flight.Booked, refused=Flight.Refused, within=minutes(10))
    def book_flight(self) -> BookFlight:
        return BookFlight(trip_id=self.key, to=self[Trip.Wanted].to)

    @book_flight.undo(done=Flight.Cancelled)
    def cancel_flight(self) -> CancelFlight:
        return CancelFlight(trip_id=self.key, to=self[Trip.Wanted].to)

    @step(done=Room.Booked, refused=Room.Refused, within=minutes(10), after=())
    def book_room(self) -> BookRoom:
        return BookRoom(trip_id=self.key, nights=self[Trip.Wanted].nights)

    cancel_room = book_room.undo(CancelRoom, done=Room.Cancelled)

    @step(done=Car.Rented, refused=Car.Refused, within=minutes(10), after=())
    def rent_car(self) -> RentCar:
        return RentCar(trip_id=self.key, age=self[Trip.Wanted].age)

    return_car = rent_car.undo(ReturnCar, done=Car.Returned)

    @step(done=Policy.Issued, after=(book_flight, book_room, rent_car))
    def insure(self) -> Insure | None:
        return Insure(trip_id=self.key) if self[Trip.Wanted].insured else None

    withdraw_policy = insure.undo(WithdrawPolicy, done=Policy.Withdrawn)

    @step(done=Bill.Paid, refused=Bill.Declined, kind=PIVOT, retry=Retry(3, first=seconds(5)))
    def pay(self) -> PayTrip:
        return PayTrip(trip_id=self.key, traveller=self[Trip.Wanted].traveller)

    @step(done=Trip.Confirmed, kind=RETRIABLE)
    def confirm(self) -> ConfirmTrip:
        return ConfirmTrip(trip_id=self.key, seat=self[Flight.Booked].seat)

    @on_compensated
    def cancel_trip(self) -> CancelTrip:
        return CancelTrip(trip_id=self.key, reason=self.reason)
