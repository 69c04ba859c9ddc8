"""A ship that sails by a saga, which hears of the weather and of harbours while it runs."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    Saga,
    System,
    handles,
    hears,
    step,
    wait_for,
)


class Voyage(Aggregate):
    class Planned(Aggregate.Created):
        ship: str

    class Cleared(Aggregate.Event):
        pass

    class Sailed(Aggregate.Event):
        warnings: tuple[str, ...]
        harbour: str

    @staticmethod
    def create_id(ship: str) -> UUID:
        return uuid5(NAMESPACE_URL, ship)

    @event(Planned)
    def __init__(self, ship: str) -> None: ...

    @event(Cleared)
    def clear(self) -> None: ...

    @event(Sailed)
    def sail(self, warnings: tuple[str, ...], harbour: str) -> None: ...


class Gale(Aggregate):
    class Given(Aggregate.Created):
        """A warning for a sea, in which a ship is."""

        sea: str
        ship: str
        text: str


class Harbour(Aggregate):
    class Assigned(Aggregate.Created):
        ship: str
        harbour: str


class PlanVoyage(Command, key="ship"):
    ship: str


class Clear(Command, key="ship"):
    ship: str


class Sail(Command, key="ship"):
    ship: str
    warnings: tuple[str, ...]
    harbour: str


class Warn(Command, key="sea"):
    sea: str
    ship: str
    text: str


class Assign(Command, key="ship"):
    ship: str
    harbour: str


class Fleet(Application, aggregates=[Voyage]):
    @handles(PlanVoyage)
    def plan(self, command: PlanVoyage) -> Voyage:
        return Voyage(command.ship)

    @handles(Clear)
    def clear(self, command: Clear) -> Voyage:
        voyage: Voyage = self.repository.get(Voyage.create_id(command.ship))
        voyage.clear()
        return voyage

    @handles(Sail)
    def sail(self, command: Sail) -> Voyage:
        voyage: Voyage = self.repository.get(Voyage.create_id(command.ship))
        voyage.sail(command.warnings, command.harbour)
        return voyage


class Weather(Application, aggregates=[Gale]):
    @handles(Warn)
    def warn(self, command: Warn) -> Any:
        facts = {"sea": command.sea, "ship": command.ship, "text": command.text}
        return Gale._create(Gale.Given, id=command.id, **facts)


class Port(Application, aggregates=[Harbour]):
    @handles(Assign)
    def assign(self, command: Assign) -> Any:
        facts = {"ship": command.ship, "harbour": command.harbour}
        return Harbour._create(Harbour.Assigned, id=command.id, **facts)


def ship_of(event: Any) -> str:
    ship: str = event.ship
    return ship


class SailOut(Saga, starts_on=Voyage.Planned, key=ship_of):
    """Waits until it is cleared, then sails with all that it has heard."""

    warnings: tuple[str, ...] = ()
    harbour: str = "home"

    cleared = wait_for(done=Voyage.Cleared)

    @step(done=Voyage.Sailed, kind=PIVOT)
    def sail(self) -> Sail:
        return Sail(ship=self.key, warnings=self.warnings, harbour=self.harbour)

    @hears(Gale.Given, key=ship_of)
    def warned(self, event: Gale.Given) -> None:
        self.warnings = (*self.warnings, event.text)

    @hears(Harbour.Assigned)
    def assigned(self, event: Harbour.Assigned) -> None:
        self.harbour = event.harbour


class AssignHome(Saga, starts_on=Voyage.Planned, key=ship_of):
    """Another saga of the same key, whose answer the first one hears too."""

    @step(done=Harbour.Assigned, kind=NO_EFFECT)
    def assign(self) -> Assign:
        return Assign(ship=self.key, harbour="Oslo")


voyages = System("voyages", applications=[Fleet, Weather, Port], sagas=[SailOut])
assigned_voyages = System(
    "assigned voyages", applications=[Fleet, Weather, Port], sagas=[SailOut, AssignHome]
)
