"""The aggregates and commands of a removal firm, the third system that old stores are kept of.

The stores name these classes by module and class name, so neither may change: see README.md.
"""

from __future__ import annotations

from typing import Self
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate

from sagaline import Command


def id_of(kind: str, name: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{kind}:{name}")


FLEET = id_of("fleet", "all")
"""The one fleet."""


class Removal(Aggregate):
    """A household that wants to move. The same name may be written down twice: one saga leads."""

    name: str

    class Ordered(Aggregate.Created):
        name: str
        address: str
        floor: int
        pays: bool

    class Finished(Aggregate.Event):
        name: str

    class CalledOff(Aggregate.Event):
        reason: str

    @classmethod
    def order(cls, name: str, address: str, floor: int, pays: bool) -> Self:
        return cls._create(cls.Ordered, name=name, address=address, floor=floor, pays=pays)


class Viewing(Aggregate):
    """Somebody wants to see the flat that is left behind, now or not at all."""

    name: str

    class Wanted(Aggregate.Created):
        name: str
        address: str

    class Shown(Aggregate.Event):
        name: str

    @classmethod
    def want(cls, name: str, address: str) -> Self:
        return cls._create(cls.Wanted, name=name, address=address)


class Fleet(Aggregate):
    """The vans of the firm; it has many events, so snapshots are taken of it."""

    vans: int

    class Founded(Aggregate.Created):
        vans: int

    class Lent(Aggregate.Event):
        def apply(self, fleet: Fleet) -> None:
            fleet.vans -= 1

    class TakenBack(Aggregate.Event):
        def apply(self, fleet: Fleet) -> None:
            fleet.vans += 1

    @classmethod
    def found(cls, vans: int) -> Self:
        return cls._create(cls.Founded, id=FLEET, vans=vans)


class Part(Aggregate):
    """Something that one household has, found by `Part.id_of(name)`."""

    name: str

    @classmethod
    def open(cls, event: type[Aggregate.Created], name: str, **facts: str) -> Self:
        return cls._create(event, id=cls.id_of(name), name=name, **facts)

    @classmethod
    def id_of(cls, name: str) -> UUID:
        return id_of(cls.__name__.lower(), name)


class Van(Part):
    """The van of one removal."""

    class Lent(Aggregate.Created):
        name: str

    class Refused(Aggregate.Created):
        name: str
        reason: str

    class Returned(Aggregate.Event):
        name: str


class Crew(Part):
    """The people of one removal."""

    class Hired(Aggregate.Created):
        name: str

    class Released(Aggregate.Event):
        name: str


class Lift(Part):
    """The lift of one removal from a high floor."""

    class Rented(Aggregate.Created):
        name: str

    class GivenBack(Aggregate.Event):
        name: str


class Bill(Part):
    """The money of one removal."""

    class Paid(Aggregate.Created):
        name: str

    class Declined(Aggregate.Created):
        name: str
        reason: str


class Keys(Part):
    """The keys of one removal, which go back to a caretaker."""

    class HandedOver(Aggregate.Created):
        name: str


class RemovalCommand(Command, key="name"):
    name: str


class OrderRemoval(RemovalCommand):
    address: str
    floor: int = 1
    pays: bool = True


class FinishRemoval(RemovalCommand):
    removal_id: UUID


class CallOffRemoval(RemovalCommand):
    removal_id: UUID
    reason: str


class WantViewing(RemovalCommand):
    address: str


class ShowFlat(RemovalCommand):
    viewing_id: UUID


class FoundFleet(Command):
    vans: int


class LendVan(RemovalCommand):
    pass


class ReturnVan(RemovalCommand):
    pass


class HireCrew(RemovalCommand):
    pass


class ReleaseCrew(RemovalCommand):
    pass


class RentLift(RemovalCommand):
    pass


class GiveLiftBack(RemovalCommand):
    pass


class CollectBill(RemovalCommand):
    pays: bool


class HandOverKeys(RemovalCommand):
    pass
