"""A repair that waits for a decision of the owner, and hears wishes while it runs."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    PIVOT,
    Application,
    Command,
    Saga,
    System,
    handles,
    hears,
    hours,
    step,
    wait_for,
)


class Repair(Aggregate):
    class Ordered(Aggregate.Created):
        owner: str

    class Done(Aggregate.Event):
        colour: str

    @staticmethod
    def create_id(owner: str) -> UUID:
        return uuid5(NAMESPACE_URL, owner)

    @event(Ordered)
    def __init__(self, owner: str) -> None:
        pass

    @event(Done)
    def finish(self, colour: str) -> None:
        pass


class OrderRepair(Command, key="owner"):
    owner: str


class Finish(Command, key="owner"):
    owner: str
    colour: str


class Agree(Command, key="owner"):
    """A signal: the owner agrees to the price."""

    owner: str


class Decline(Command, key="owner"):
    """A signal: the owner does not agree."""

    owner: str
    reason: str


class WishColour(Command, key="owner"):
    """A signal that may come at any time."""

    owner: str
    colour: str


class Garage(Application, aggregates=[Repair]):
    @handles(OrderRepair)
    def order(self, command: OrderRepair) -> Repair:
        return Repair(owner=command.owner)

    @handles(Finish)
    def finish(self, command: Finish) -> None:
        repair: Repair = self.repository.get(Repair.create_id(command.owner))
        repair.finish(command.colour)


class DoRepair(Saga, starts_on=Repair.Ordered, key=lambda ordered: ordered.owner):
    colour: str = "grey"

    @hears(WishColour)
    def note_colour(self, wish: WishColour) -> None:
        self.colour = wish.colour

    agree = wait_for(done=Agree, refused=Decline, within=hours(48))

    @step(done=Repair.Done, kind=PIVOT)
    def finish(self) -> Finish:
        return Finish(owner=self.key, colour=self.colour)


repairs = System("repairs", applications=[Garage], sagas=[DoRepair])
