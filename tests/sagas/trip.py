"""A small business of our own, with a step of every kind: a trip is booked, or nothing of it."""

from eventsourcing.domain import Aggregate

from sagaline.messaging.commands import Command
from sagaline.messaging.retry import Retry, minutes, seconds
from sagaline.saga.definition import NO_EFFECT, PIVOT, RETRIABLE, Saga, on_compensated, step
from sagaline.testing.given.happened import happened


class Trip(Aggregate):
    class Wanted(Aggregate.Created):
        traveller: str

    class Forgotten(Aggregate.Event):
        """Nobody listens for it."""


class VisaFound(Aggregate.Event):
    number: str


class VisaMissing(Aggregate.Event):
    reason: str


class FlightBooked(Aggregate.Event):
    seat: str


class FlightFull(Aggregate.Event):
    reason: str


class FlightCancelled(Aggregate.Event):
    pass


class HotelBooked(Aggregate.Event):
    pass


class HotelFull(Aggregate.Event):
    reason: str


class HotelCancelled(Aggregate.Event):
    pass


class HotelKept(Aggregate.Event):
    reason: str


class CarRented(Aggregate.Event):
    pass


class CarReturned(Aggregate.Event):
    pass


class CarKept(Aggregate.Event):
    reason: str


class TripPaid(Aggregate.Event):
    pass


class TripNotPaid(Aggregate.Event):
    reason: str


class TicketsSent(Aggregate.Event):
    pass


class TripCommand(Command, key="traveller"):
    traveller: str


class CheckVisa(TripCommand):
    pass


class BookFlight(TripCommand):
    pass


class CancelFlight(TripCommand):
    seat: str


class BookHotel(TripCommand):
    pass


class CancelHotel(TripCommand):
    pass


class RentCar(TripCommand):
    pass


class ReturnCar(TripCommand):
    pass


class PayTrip(TripCommand):
    pass


class SendTickets(TripCommand):
    seat: str


class TellTraveller(TripCommand):
    reason: str


class BookTrip(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """A trip: visa, flight, hotel, car; then it is paid, and the tickets are sent."""

    @step(done=VisaFound, refused=VisaMissing, kind=NO_EFFECT, within=minutes(1))
    def check_visa(self) -> CheckVisa:
        return CheckVisa(traveller=self.key)

    @step(done=FlightBooked, refused=FlightFull, within=minutes(5), retry=Retry(3, seconds(2)))
    def book_flight(self) -> BookFlight:
        return BookFlight(traveller=self.key)

    @book_flight.undo(done=FlightCancelled)
    def cancel_flight(self) -> CancelFlight:
        seat = self[FlightBooked].seat if FlightBooked in self else "any"
        return CancelFlight(traveller=self.key, seat=seat)

    @step(done=HotelBooked, refused=HotelFull, retry=Retry(2))
    def book_hotel(self) -> BookHotel:
        return BookHotel(traveller=self.key)

    @book_hotel.undo(done=HotelCancelled, refused=HotelKept)
    def cancel_hotel(self) -> CancelHotel:
        return CancelHotel(traveller=self.key)

    @step(done=CarRented, within=minutes(5), retry=Retry(2))
    def rent_car(self) -> RentCar:
        return RentCar(traveller=self.key)

    @rent_car.undo(done=CarReturned, refused=CarKept)
    def return_car(self) -> ReturnCar:
        return ReturnCar(traveller=self.key)

    @step(done=TripPaid, refused=TripNotPaid, kind=PIVOT, within=minutes(10), retry=Retry(2))
    def pay_trip(self) -> PayTrip:
        return PayTrip(traveller=self.key)

    @step(done=TicketsSent, kind=RETRIABLE, within=minutes(3), retry=Retry(3))
    def send_tickets(self) -> SendTickets:
        return SendTickets(traveller=self.key, seat=self[FlightBooked].seat)

    @on_compensated(retry=Retry(3))
    def tell_traveller(self) -> TellTraveller:
        return TellTraveller(traveller=self.key, reason=self.reason)


WANTED = happened(Trip.Wanted, traveller="Ada")
VISA = happened(VisaFound, number="V1")
FLIGHT = happened(FlightBooked, seat="12A")
ALL_BOOKED = (WANTED, VISA, FLIGHT, HotelBooked, CarRented)
"""Everything before the point of no return is done."""
