"""Cars are held, but not the old car, which is rented."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.travel.commands import FreeCar, HoldCar


class CarFull(Exception):
    """There is no car left."""


class Rental(Aggregate):
    class Held(Aggregate.Created):
        booking: str
        name: str
        price: int

    class Refused(Aggregate.Event):
        reason: str

    class Freed(Aggregate.Event):
        pass

    @staticmethod
    def create_id(booking: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"car {booking}")

    @event(Held)
    def __init__(self, booking: str, name: str, price: int) -> None:
        self.held = True

    @event(Freed)
    def free(self) -> None:
        self.held = False


class Cars(Application, aggregates=[Rental]):
    @handles(HoldCar, refuses={CarFull: Rental.Refused})
    def hold(self, command: HoldCar) -> Rental:
        if command.name == "old car":
            raise CarFull("the old car is full")
        return Rental(booking=command.booking, name=command.name, price=100)

    @handles(FreeCar, refuses={AggregateNotFoundError: Rental.Freed})
    def free(self, command: FreeCar) -> None:
        found: Rental = self.repository.get(Rental.create_id(command.booking))
        found.free()
