"""Who does what for a trip: five applications that know nothing of each other."""

from collections.abc import Callable, Sequence

from eventsourcing.domain import Aggregate
from eventsourcing.utils import EnvType

from sagaline import Application, handles
from tests.trips.bookings import Bill, Car, Flight, Plane, Policy, Room, Trip
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

LONGEST_STAY = 30
YOUNGEST_DRIVER = 21


class Trips(Application, aggregates=[Trip]):
    """What travellers want, and how it ended."""

    @handles(WantTrip)
    def want(self, command: WantTrip) -> Trip:
        facts = command.model_dump(exclude={"id", "trip_id"})
        return Trip(id=command.trip_id, **facts)

    @handles(ConfirmTrip)
    def confirm(self, command: ConfirmTrip) -> None:
        trip: Trip = self.repository.get(command.trip_id)
        if trip.open:
            trip.confirm(command.seat)

    @handles(CancelTrip)
    def cancel(self, command: CancelTrip) -> None:
        trip: Trip = self.repository.get(command.trip_id)
        if trip.open:
            trip.cancel(command.reason)


class Airline(Application, aggregates=[Plane, Flight]):
    """Has so many seats to each place, and none elsewhere."""

    @handles(ScheduleFlights)
    def schedule(self, command: ScheduleFlights) -> Plane:
        return Plane(to=command.to, seats=command.seats)

    @handles(BookFlight)
    def book(self, command: BookFlight) -> Sequence[Aggregate]:
        known, plane = self._found(command)
        if known is not None:
            return ()
        flight = Flight(trip_id=command.trip_id, to=command.to)
        if plane is None or not plane.left:
            flight.refuse(f"no seat to {command.to}")
            return [flight]
        flight.book(plane.left)
        plane.take()
        return [flight, plane]

    @handles(CancelFlight)
    def cancel(self, command: CancelFlight) -> Sequence[Aggregate]:
        known, plane = self._found(command)
        flight = known or Flight(trip_id=command.trip_id, to=command.to)
        if flight.cancelled:
            return ()
        if flight.booked and plane is not None:
            plane.give_back()
        flight.cancel()
        return [flight]

    def _found(self, command: BookFlight | CancelFlight) -> tuple[Flight | None, Plane | None]:
        (flight,) = self.repository.find(Flight, [Flight.create_id(command.trip_id)])
        (plane,) = self.repository.find(Plane, [Plane.create_id(command.to)])
        return flight, plane


class Hotel(Application, aggregates=[Room]):
    """Has room for everybody, but not for ever."""

    @handles(BookRoom)
    def book(self, command: BookRoom) -> Room | None:
        (known,) = self.repository.find(Room, [Room.create_id(command.trip_id)])
        if known is not None:
            return None
        room = Room(trip_id=command.trip_id)
        if command.nights > LONGEST_STAY:
            room.refuse(f"no room for {command.nights} nights")
        else:
            room.book()
        return room

    @handles(CancelRoom)
    def cancel(self, command: CancelRoom) -> Room:
        (known,) = self.repository.find(Room, [Room.create_id(command.trip_id)])
        room = known or Room(trip_id=command.trip_id)
        if not room.cancelled:
            room.cancel()
        return room


class Garage(Application, aggregates=[Car]):
    """Has a car for everybody who may drive it."""

    @handles(RentCar)
    def rent(self, command: RentCar) -> Car | None:
        (known,) = self.repository.find(Car, [Car.create_id(command.trip_id)])
        if known is not None:
            return None
        car = Car(trip_id=command.trip_id)
        if command.age < YOUNGEST_DRIVER:
            car.refuse(f"too young to drive, at {command.age}")
        else:
            car.rent()
        return car

    @handles(ReturnCar)
    def take_back(self, command: ReturnCar) -> Car:
        (known,) = self.repository.find(Car, [Car.create_id(command.trip_id)])
        car = known or Car(trip_id=command.trip_id)
        if not car.cancelled:
            car.cancel()
        return car


class Insurer(Application, aggregates=[Policy]):
    """Insures everybody who wants to be."""

    @handles(Insure)
    def insure(self, command: Insure) -> Policy | None:
        (known,) = self.repository.find(Policy, [Policy.create_id(command.trip_id)])
        if known is not None:
            return None
        policy = Policy(trip_id=command.trip_id)
        policy.issue()
        return policy

    @handles(WithdrawPolicy)
    def withdraw(self, command: WithdrawPolicy) -> Policy:
        (known,) = self.repository.find(Policy, [Policy.create_id(command.trip_id)])
        policy = known or Policy(trip_id=command.trip_id)
        if not policy.cancelled:
            policy.cancel()
        return policy


class Cashier(Application, aggregates=[Bill]):
    """Takes the money, through a bank."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self.bank: Callable[[PayTrip], bool] = lambda command: command.traveller != "Nobody"
        """Whether it pays; the same command is one payment. It raises where it cannot tell."""

    @handles(PayTrip)
    def take(self, command: PayTrip, paid: bool) -> Bill | None:
        (known,) = self.repository.find(Bill, [Bill.create_id(command.trip_id)])
        if known is not None:
            return None
        bill = Bill(trip_id=command.trip_id)
        if paid:
            bill.pay()
        else:
            bill.decline("no money")
        return bill

    @take.asks
    def ask_bank(self, command: PayTrip) -> bool:
        return self.bank(command)
