"""The applications, the sagas and the read table of a removal firm: see `removals`.

It has what the shop has not: locks that are queued for, steps side by side, a step on a condition,
snapshots, an answer that comes before its saga has begun, and a port behind the pivot.
"""

from typing import Any, ClassVar

from sqlalchemy import Boolean, Column, MetaData, Table, Text

from sagaline import (
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Application,
    ReadModel,
    Retry,
    Saga,
    System,
    handles,
    locks,
    minutes,
    on_compensated,
    project,
    seconds,
    step,
)
from tests.old_stores.removals import (
    FLEET,
    Bill,
    CallOffRemoval,
    CollectBill,
    Crew,
    FinishRemoval,
    Fleet,
    FoundFleet,
    GiveLiftBack,
    HandOverKeys,
    HireCrew,
    Keys,
    LendVan,
    Lift,
    OrderRemoval,
    ReleaseCrew,
    Removal,
    RentLift,
    ReturnVan,
    ShowFlat,
    Van,
    Viewing,
    WantViewing,
)

SHORT = Retry(2, first=seconds(20))


class World:
    """What does not work at the moment: ports by the names of applications, and bugs by keys."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.bugs: set[str] = set()

    def call(self, port: str) -> None:
        """Calls a port. Raises ConnectionError where it is down."""
        if port in self.down:
            raise ConnectionError(f"the {port} does not answer")

    def pass_bug(self, name: str) -> None:
        """Raises ValueError where the code has a bug for this household."""
        if name in self.bugs:
            raise ValueError(f"a bug that only {name} meets")


world = World()


class Office(Application, aggregates=[Removal, Viewing]):
    """Writes down what households want, and how it ended."""

    @handles(OrderRemoval)
    def order(self, command: OrderRemoval) -> Removal:
        return Removal.order(**command.model_dump(exclude={"id"}))

    @handles(FinishRemoval)
    def finish(self, command: FinishRemoval) -> None:
        removal: Removal = self.repository.get(command.removal_id)
        removal.trigger_event(Removal.Finished, name=command.name)

    @handles(CallOffRemoval)
    def call_off(self, command: CallOffRemoval) -> None:
        removal: Removal = self.repository.get(command.removal_id)
        removal.trigger_event(Removal.CalledOff, reason=command.reason)

    @handles(WantViewing)
    def want_viewing(self, command: WantViewing) -> Viewing:
        return Viewing.want(command.name, command.address)

    @handles(ShowFlat)
    def show_flat(self, command: ShowFlat) -> None:
        viewing: Viewing = self.repository.get(command.viewing_id)
        viewing.trigger_event(Viewing.Shown, name=command.name)


class Garage(Application, aggregates=[Fleet, Van]):
    """Lends vans, while there are any."""

    snapshotting_intervals: ClassVar = {Fleet: 3}

    @handles(FoundFleet)
    def found(self, command: FoundFleet) -> Fleet:
        return Fleet.found(command.vans)

    @handles(LendVan)
    def lend(self, command: LendVan) -> list[Any]:
        fleet: Fleet = self.repository.get(FLEET)
        if not fleet.vans:
            return [Van.open(Van.Refused, command.name, reason="no van is left")]
        fleet.trigger_event(Fleet.Lent)
        return [fleet, Van.open(Van.Lent, command.name)]

    @handles(ReturnVan)
    def take_back(self, command: ReturnVan) -> list[Any]:
        fleet: Fleet = self.repository.get(FLEET)
        van: Van = self.repository.get(Van.id_of(command.name))
        fleet.trigger_event(Fleet.TakenBack)
        van.trigger_event(Van.Returned, name=command.name)
        return [fleet, van]


class Agency(Application, aggregates=[Crew, Lift]):
    """Has crews and lifts for everybody."""

    @handles(HireCrew)
    def hire(self, command: HireCrew) -> Crew | None:
        world.pass_bug(command.name)
        (known,) = self.repository.find(Crew, [Crew.id_of(command.name)])
        if known is not None:
            return None
        return Crew.open(Crew.Hired, command.name)

    @handles(ReleaseCrew)
    def release(self, command: ReleaseCrew) -> None:
        crew: Crew = self.repository.get(Crew.id_of(command.name))
        crew.trigger_event(Crew.Released, name=command.name)

    @handles(RentLift)
    def rent(self, command: RentLift) -> Lift:
        return Lift.open(Lift.Rented, command.name)

    @handles(GiveLiftBack)
    def give_back(self, command: GiveLiftBack) -> None:
        lift: Lift = self.repository.get(Lift.id_of(command.name))
        lift.trigger_event(Lift.GivenBack, name=command.name)


class Cashier(Application, aggregates=[Bill]):
    """Collects the money through a bank."""

    @handles(CollectBill)
    def collect(self, command: CollectBill, answer: bool) -> Bill:
        if answer:
            return Bill.open(Bill.Paid, command.name)
        return Bill.open(Bill.Declined, command.name, reason="no money")

    @collect.asks
    def ask_bank(self, command: CollectBill) -> bool:
        world.call("bank")
        return command.pays


class Caretaker(Application, aggregates=[Keys]):
    """Takes the keys of the old flat, where he can be reached."""

    @handles(HandOverKeys)
    def accept(self, command: HandOverKeys, answer: str) -> Keys:
        return Keys.open(Keys.HandedOver, answer)

    @accept.asks
    def ring(self, command: HandOverKeys) -> str:
        world.call("caretaker")
        return command.name


class MoveHouse(Saga, starts_on=Removal.Ordered, key=lambda event: event.name):
    """A removal, done or undone. Two removals from one house wait for each other."""

    @locks
    def house(self) -> tuple[str]:
        return (f"house:{self[Removal.Ordered].address}",)

    @step(done=Van.Lent, refused=Van.Refused, within=minutes(10))
    def lend_van(self) -> LendVan:
        return LendVan(name=self.key)

    take_van_back = lend_van.undo(ReturnVan, done=Van.Returned)

    @step(done=Crew.Hired, within=minutes(10), after=())
    def hire_crew(self) -> HireCrew:
        return HireCrew(name=self.key)

    release_crew = hire_crew.undo(ReleaseCrew, done=Crew.Released)

    @step(done=Lift.Rented, after=(lend_van, hire_crew))
    def rent_lift(self) -> RentLift | None:
        world.pass_bug(f"the saga of {self.key}")
        return RentLift(name=self.key) if self[Removal.Ordered].floor > 2 else None

    give_lift_back = rent_lift.undo(GiveLiftBack, done=Lift.GivenBack)

    @step(done=Bill.Paid, refused=Bill.Declined, kind=PIVOT, retry=SHORT)
    def collect_bill(self) -> CollectBill:
        return CollectBill(name=self.key, pays=self[Removal.Ordered].pays)

    @step(done=Keys.HandedOver, kind=RETRIABLE, retry=SHORT)
    def hand_over_keys(self) -> HandOverKeys:
        return HandOverKeys(name=self.key)

    @step(done=Removal.Finished, kind=RETRIABLE)
    def finish(self) -> FinishRemoval:
        return FinishRemoval(name=self.key, removal_id=self[Removal.Ordered].originator_id)

    @on_compensated
    def call_off(self) -> CallOffRemoval:
        ordered = self[Removal.Ordered].originator_id
        return CallOffRemoval(name=self.key, removal_id=ordered, reason=self.reason)


class Visit(Saga, starts_on=Viewing.Wanted, key=lambda event: event.name):
    """A viewing, which does not wait for a removal from the same house to end."""

    @locks(wait=False)
    def house(self) -> tuple[str]:
        return (f"house:{self[Viewing.Wanted].address}",)

    @step(done=Viewing.Shown, kind=NO_EFFECT)
    def show_flat(self) -> ShowFlat:
        return ShowFlat(name=self.key, viewing_id=self[Viewing.Wanted].originator_id)


class RemovalList(ReadModel):
    """Which removals are there, and what became of them?"""

    table = Table(
        "removal_list",
        MetaData(),
        Column("name", Text, primary_key=True),
        Column("address", Text, nullable=False, index=True),
        Column("with_lift", Boolean, nullable=False),
        Column("status", Text, nullable=False, index=True),
    )

    @project(Removal.Ordered)
    def ordered(self, event: Removal.Ordered) -> None:
        self.rows[event.name] = {
            "address": event.address,
            "with_lift": event.floor > 2,
            "status": "ordered",
        }

    @project(Removal.Finished)
    def finished(self, event: Removal.Finished) -> None:
        self.rows[event.name]["status"] = "finished"


firm = System(
    "removal firm",
    applications=[Office, Garage, Agency, Cashier, Caretaker],
    sagas=[MoveHouse, Visit],
    read_models=[RemovalList],
)
