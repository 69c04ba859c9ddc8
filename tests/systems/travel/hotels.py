"""Hotels: rooms are held, but none in the grand hotel, which is full."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.travel.commands import FreeHotel, HoldHotel


class HotelFull(Exception):
    """There is no room left."""


class Room(Aggregate):
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
        return uuid5(NAMESPACE_URL, f"room {booking}")

    @event(Held)
    def __init__(self, booking: str, name: str, price: int) -> None:
        self.held = True

    @event(Freed)
    def free(self) -> None:
        self.held = False


class Hotels(Application, aggregates=[Room]):
    @handles(HoldHotel, refuses={HotelFull: Room.Refused})
    def hold(self, command: HoldHotel) -> Room:
        if command.name == "grand hotel":
            raise HotelFull("the grand hotel is full")
        return Room(booking=command.booking, name=command.name, price=200)

    @handles(FreeHotel, refuses={AggregateNotFoundError: Room.Freed})
    def free(self, command: FreeHotel) -> None:
        found: Room = self.repository.get(Room.create_id(command.booking))
        found.free()
