"""A party: what does not depend on each other is arranged at once, and a cake only for many."""

from eventsourcing.domain import Aggregate

from sagaline.messaging.commands import Command
from sagaline.messaging.retry import Retry, minutes
from sagaline.saga.definition import (
    PIVOT,
    RETRIABLE,
    Saga,
    hears,
    on_compensated,
    on_completed,
    step,
)
from sagaline.testing.given.happened import happened

MANY = 50


class Party(Aggregate):
    class Planned(Aggregate.Created):
        host: str
        guests: int


class HallBooked(Aggregate.Event):
    price: int


class HallTaken(Aggregate.Event):
    reason: str


class HallFreed(Aggregate.Event):
    pass


class BandHired(Aggregate.Event):
    price: int


class BandBusy(Aggregate.Event):
    reason: str


class BandDismissed(Aggregate.Event):
    pass


class BandInsists(Aggregate.Event):
    reason: str


class CakeOrdered(Aggregate.Event):
    price: int


class CakeCancelled(Aggregate.Event):
    pass


class PartyPaid(Aggregate.Event):
    pass


class PartyNotPaid(Aggregate.Event):
    reason: str


class GuestsInvited(Aggregate.Event):
    pass


class MenusPrinted(Aggregate.Event):
    pass


class DoorsOpened(Aggregate.Event):
    pass


class PartyCommand(Command, key="host"):
    host: str


class BookHall(PartyCommand):
    pass


class FreeHall(PartyCommand):
    pass


class HireBand(PartyCommand):
    pass


class DismissBand(PartyCommand):
    pass


class OrderCake(PartyCommand):
    guests: int


class CancelCake(PartyCommand):
    pass


class PayParty(PartyCommand):
    amount: int


class InviteGuests(PartyCommand):
    pass


class PrintMenus(PartyCommand):
    pass


class OpenDoors(PartyCommand):
    pass


class Toast(PartyCommand):
    pass


class Apologise(PartyCommand):
    reason: str


class GiveParty(Saga, starts_on=Party.Planned, key=lambda event: event.host):
    """Hall and band at once; then the cake; then it is paid, and all the rest at once."""

    owed = 0

    @hears(HallBooked, BandHired, CakeOrdered)
    def owe(self, event: HallBooked | BandHired | CakeOrdered) -> None:
        self.owed += event.price

    @step(done=HallBooked, refused=HallTaken, within=minutes(5))
    def book_hall(self) -> BookHall:
        return BookHall(host=self.key)

    @book_hall.undo(done=HallFreed)
    def free_hall(self) -> FreeHall:
        return FreeHall(host=self.key)

    @step(done=BandHired, refused=BandBusy, within=minutes(5), retry=Retry(3), after=())
    def hire_band(self) -> HireBand:
        return HireBand(host=self.key)

    @hire_band.undo(done=BandDismissed, refused=BandInsists)
    def dismiss_band(self) -> DismissBand:
        return DismissBand(host=self.key)

    @step(done=CakeOrdered, after=(book_hall,))
    def order_cake(self) -> OrderCake | None:
        guests = self[Party.Planned].guests
        return OrderCake(host=self.key, guests=guests) if guests >= MANY else None

    @order_cake.undo(done=CakeCancelled)
    def cancel_cake(self) -> CancelCake:
        return CancelCake(host=self.key)

    @step(done=PartyPaid, refused=PartyNotPaid, kind=PIVOT, after=(hire_band, order_cake))
    def pay(self) -> PayParty:
        return PayParty(host=self.key, amount=self.owed)

    @step(done=GuestsInvited, kind=RETRIABLE, retry=Retry(2))
    def invite(self) -> InviteGuests:
        return InviteGuests(host=self.key)

    @step(done=MenusPrinted, kind=RETRIABLE, retry=Retry(2), after=(pay,))
    def print_menus(self) -> PrintMenus:
        return PrintMenus(host=self.key)

    @step(done=DoorsOpened, kind=RETRIABLE, after=(invite, print_menus))
    def open_doors(self) -> OpenDoors:
        return OpenDoors(host=self.key)

    @on_completed
    def toast(self) -> Toast | None:
        return Toast(host=self.key) if self[Party.Planned].guests >= MANY else None

    @on_compensated(retry=Retry(1))
    def apologise(self) -> Apologise:
        return Apologise(host=self.key, reason=self.reason)


SMALL = happened(Party.Planned, host="Ada", guests=7)
LARGE = happened(Party.Planned, host="Ada", guests=100)
HALL = happened(HallBooked, price=500)
BAND = happened(BandHired, price=300)
CAKE = happened(CakeOrdered, price=90)
