"""A family that moves house: sagas that are steps of another one, and hand it what they found."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from eventsourcing.domain import Aggregate
from pydantic import BaseModel

from sagaline import (
    PIVOT,
    Application,
    Command,
    Saga,
    System,
    handles,
    on_completed,
    result,
    step,
    step_for_each,
)


class Removal(Aggregate):
    class Ordered(Aggregate.Created):
        family: str
        rooms: tuple[str, ...]

    class Driven(Aggregate.Created):
        family: str

    class Billed(Aggregate.Created):
        family: str
        text: str


class Room(Aggregate):
    class Packed(Aggregate.Created):
        room: str
        boxes: int

    class Locked(Aggregate.Created):
        reason: str

    class Unpacked(Aggregate.Created):
        room: str


class Van(Aggregate):
    class Hired(Aggregate.Created):
        plate: str
        fee: Decimal

    class GivenBack(Aggregate.Created):
        pass


class OrderRemoval(Command, key="family"):
    family: str
    rooms: tuple[str, ...]


class ClearRoom(Command, key="room"):
    """Starts a saga of its own."""

    room: str


class PackRoom(Command, key="room"):
    room: str


class UnpackRoom(Command, key="room"):
    room: str


class FindVan(Command, key="family"):
    """Starts a saga of its own."""

    family: str


class HireVan(Command, key="family"):
    family: str


class GiveVanBack(Command, key="family"):
    family: str


class Drive(Command, key="family"):
    family: str
    plate: str
    boxes: int


class Bill(Command, key="family"):
    family: str
    text: str


class Movers(Application, aggregates=[Removal, Room, Van]):
    """Never packs the cellar, which is locked; its vans cost 80.50."""

    @handles(OrderRemoval)
    def order(self, command: OrderRemoval) -> Any:
        facts = {"family": command.family, "rooms": command.rooms}
        return Removal._create(Removal.Ordered, id=command.id, **facts)

    @handles(PackRoom)
    def pack(self, command: PackRoom) -> Any:
        if command.room.startswith("cellar"):
            return Room._create(Room.Locked, id=command.id, reason="the cellar is locked")
        boxes = len(command.room)
        return Room._create(Room.Packed, id=command.id, room=command.room, boxes=boxes)

    @handles(UnpackRoom)
    def unpack(self, command: UnpackRoom) -> Any:
        return Room._create(Room.Unpacked, id=command.id, room=command.room)

    @handles(HireVan)
    def hire(self, command: HireVan) -> Any:
        return Van._create(Van.Hired, id=command.id, plate="RO 1", fee=Decimal("80.50"))

    @handles(GiveVanBack)
    def give_back(self, command: GiveVanBack) -> Any:
        return Van._create(Van.GivenBack, id=command.id)

    @handles(Drive)
    def drive(self, command: Drive) -> Any:
        return Removal._create(Removal.Driven, id=command.id, family=command.family)

    @handles(Bill)
    def bill(self, command: Bill) -> Any:
        facts = {"family": command.family, "text": command.text}
        return Removal._create(Removal.Billed, id=command.id, **facts)


@dataclass(frozen=True)
class Load:
    """What a room holds."""

    boxes: int


class Hire(BaseModel):
    """What a van costs."""

    plate: str
    fee: Decimal


def room_of(command: ClearRoom) -> str:
    return command.room


def family_of(start: Removal.Ordered | FindVan) -> str:
    return start.family


class RoomClearing(Saga, starts_on=ClearRoom, key=room_of):
    pack = step(PackRoom, done=Room.Packed, refused=Room.Locked)
    unpack = pack.undo(UnpackRoom, done=Room.Unpacked)

    @result
    def load(self) -> Load:
        return Load(self[Room.Packed].boxes)


class VanHire(Saga, starts_on=FindVan, key=family_of):
    hire = step(HireVan, done=Van.Hired)
    give_back = hire.undo(GiveVanBack, done=Van.GivenBack)

    @result
    def found(self) -> Hire:
        return Hire(plate=self[Van.Hired].plate, fee=self[Van.Hired].fee)


class Moving(Saga, starts_on=Removal.Ordered, key=family_of):
    """All rooms, and a van; then it drives."""

    @step_for_each(lambda saga: saga[Removal.Ordered].rooms, done=RoomClearing)
    def clear(self, room: str) -> ClearRoom:
        return ClearRoom(room=room)

    find_van = step(FindVan, done=VanHire)

    @step(done=Removal.Driven, kind=PIVOT)
    def drive(self) -> Drive:
        loads: list[tuple[str, Load]] = self.clear.done
        boxes = sum(load.boxes for _, load in loads)
        hire: Hire = self.find_van.result
        return Drive(family=self.key, plate=hire.plate, boxes=boxes)

    @on_completed
    def bill(self) -> Bill:
        hire: Hire = self.find_van.result
        return Bill(family=self.key, text=f"{hire.plate}: {hire.fee}")


removals = System("removals", applications=[Movers], sagas=[Moving, RoomClearing, VanHire])
