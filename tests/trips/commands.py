"""What can be asked for a trip."""

from uuid import UUID

from sagaline import Command


class TripCommand(Command, key="trip_id"):
    trip_id: UUID


class WantTrip(TripCommand):
    traveller: str
    age: int = 30
    to: str = "Lisbon"
    nights: int = 7
    insured: bool = False


class ScheduleFlights(Command):
    to: str
    seats: int


class BookFlight(TripCommand):
    to: str


class CancelFlight(TripCommand):
    to: str


class BookRoom(TripCommand):
    nights: int


class CancelRoom(TripCommand):
    pass


class RentCar(TripCommand):
    age: int


class ReturnCar(TripCommand):
    pass


class Insure(TripCommand):
    pass


class WithdrawPolicy(TripCommand):
    pass


class PayTrip(TripCommand):
    traveller: str


class ConfirmTrip(TripCommand):
    seat: int


class CancelTrip(TripCommand):
    reason: str
