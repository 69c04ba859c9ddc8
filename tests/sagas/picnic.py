"""A picnic to which several dishes are brought: steps with items, optional ones, alternatives."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    ANY,
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    Saga,
    System,
    at_least,
    first,
    handles,
    minutes,
    on_compensated,
    step,
    step_for_each,
)


class Picnic(Aggregate):
    """A picnic of one host."""

    class Planned(Aggregate.Created):
        host: str
        dishes: tuple[str, ...]

    class Eaten(Aggregate.Event):
        dishes: tuple[str, ...]

    class CalledOff(Aggregate.Event):
        reason: str

    @staticmethod
    def create_id(host: str) -> UUID:
        return uuid5(NAMESPACE_URL, host)

    @event(Planned)
    def __init__(self, host: str, dishes: tuple[str, ...]) -> None:
        self.host = host

    @event(Eaten)
    def eat(self, dishes: tuple[str, ...]) -> None:
        pass

    @event(CalledOff)
    def call_off(self, reason: str) -> None:
        pass


class Dish(Aggregate):
    """A dish that is brought, or not, and is perhaps taken home again."""

    class Brought(Aggregate.Created):
        host: str
        dish: str

    class Burnt(Aggregate.Created):
        host: str
        dish: str
        reason: str

    class TakenHome(Aggregate.Created):
        host: str
        dish: str


class PlanPicnic(Command, key="host"):
    host: str
    dishes: tuple[str, ...]


class BringDish(Command, key="host"):
    host: str
    dish: str


class TakeDishHome(Command, key="host"):
    host: str
    dish: str


class Eat(Command, key="host"):
    host: str
    dishes: tuple[str, ...]


class CallOff(Command, key="host"):
    host: str
    reason: str


class Picnics(Application, aggregates=[Picnic]):
    """Plans picnics."""

    @handles(PlanPicnic)
    def plan(self, command: PlanPicnic) -> Picnic:
        return Picnic(host=command.host, dishes=command.dishes)

    @handles(Eat)
    def eat(self, command: Eat) -> None:
        picnic: Picnic = self.repository.get(Picnic.create_id(command.host))
        picnic.eat(command.dishes)

    @handles(CallOff)
    def call_off(self, command: CallOff) -> None:
        picnic: Picnic = self.repository.get(Picnic.create_id(command.host))
        picnic.call_off(command.reason)


class Kitchen(Application, aggregates=[Dish]):
    """Brings the dishes, but none that is burnt."""

    @handles(BringDish)
    def bring(self, command: BringDish) -> Dish:
        if command.dish.startswith("burnt"):
            reason = f"the {command.dish} is burnt"
            return Dish._create(
                Dish.Burnt, id=command.id, host=command.host, dish=command.dish, reason=reason
            )
        return Dish._create(Dish.Brought, id=command.id, host=command.host, dish=command.dish)

    @handles(TakeDishHome)
    def take_home(self, command: TakeDishHome) -> Dish:
        return Dish._create(Dish.TakenHome, id=command.id, host=command.host, dish=command.dish)


def host_of(planned: Picnic.Planned) -> str:
    return planned.host


def dishes(saga: Saga) -> tuple[str, ...]:
    return saga[Picnic.Planned].dishes


class AllDishes(Saga, starts_on=Picnic.Planned, key=host_of):
    """A picnic that takes place with all its dishes, or not at all."""

    @step_for_each(dishes, done=Dish.Brought, refused=Dish.Burnt, within=minutes(5))
    def bring(self, dish: str) -> BringDish:
        return BringDish(host=self.key, dish=dish)

    @bring.undo(done=Dish.TakenHome)
    def take_home(self, dish: str) -> TakeDishHome:
        return TakeDishHome(host=self.key, dish=dish)

    @step(done=Picnic.Eaten, kind=PIVOT)
    def eat(self) -> Eat:
        return Eat(host=self.key, dishes=tuple(dish for dish, _ in self.bring.done))

    @on_compensated
    def call_off(self) -> CallOff:
        return CallOff(host=self.key, reason=self.reason)


class TwoAtOnce(Saga, starts_on=Picnic.Planned, key=host_of):
    """A picnic of at least two dishes, of which two at most are on their way."""

    @step_for_each(
        dishes,
        done=Dish.Brought,
        refused=Dish.Burnt,
        need=at_least(2),
        at_once=2,
        within=minutes(5),
    )
    def bring(self, dish: str) -> BringDish:
        return BringDish(host=self.key, dish=dish)

    @bring.undo(done=Dish.TakenHome)
    def take_home(self, dish: str) -> TakeDishHome:
        return TakeDishHome(host=self.key, dish=dish)

    @step(done=Picnic.Eaten, kind=PIVOT)
    def eat(self) -> Eat:
        return Eat(host=self.key, dishes=tuple(dish for dish, _ in self.bring.done))


class FirstDish(Saga, starts_on=Picnic.Planned, key=host_of):
    """A picnic of one dish: the next is brought only where the one before it fails."""

    @step_for_each(dishes, done=Dish.Brought, refused=Dish.Burnt, need=first(), within=minutes(5))
    def bring(self, dish: str) -> BringDish:
        return BringDish(host=self.key, dish=dish)

    @bring.undo(done=Dish.TakenHome)
    def take_home(self, dish: str) -> TakeDishHome:
        return TakeDishHome(host=self.key, dish=dish)

    @step(done=Picnic.Eaten, kind=PIVOT)
    def eat(self) -> Eat:
        return Eat(host=self.key, dishes=tuple(dish for dish, _ in self.bring.done))


class WhateverComes(Saga, starts_on=Picnic.Planned, key=host_of):
    """A picnic that takes place with whatever is brought."""

    @step_for_each(dishes, done=Dish.Brought, refused=Dish.Burnt, need=ANY, kind=NO_EFFECT)
    def bring(self, dish: str) -> BringDish:
        return BringDish(host=self.key, dish=dish)

    @step(done=Picnic.Eaten, kind=PIVOT)
    def eat(self) -> Eat:
        return Eat(host=self.key, dishes=tuple(reason for _, reason in self.bring.failed))


class WithAlternatives(Saga, starts_on=Picnic.Planned, key=host_of):
    """A picnic with a cake, or else a pie, and with a salad if there is one."""

    @step(done=Dish.Brought, refused=Dish.Burnt, within=minutes(5))
    def bring_cake(self) -> BringDish:
        return BringDish(host=self.key, dish=dishes(self)[0])

    @bring_cake.undo(done=Dish.TakenHome)
    def take_cake_home(self) -> TakeDishHome:
        return TakeDishHome(host=self.key, dish=dishes(self)[0])

    @step(done=Dish.Brought, refused=Dish.Burnt, within=minutes(5), instead_of=bring_cake)
    def bring_pie(self) -> BringDish:
        return BringDish(host=self.key, dish=dishes(self)[1])

    @bring_pie.undo(done=Dish.TakenHome)
    def take_pie_home(self) -> TakeDishHome:
        return TakeDishHome(host=self.key, dish=dishes(self)[1])

    @step(done=Dish.Brought, refused=Dish.Burnt, within=minutes(5), optional=True)
    def bring_salad(self) -> BringDish:
        return BringDish(host=self.key, dish=dishes(self)[2])

    @bring_salad.undo(done=Dish.TakenHome)
    def take_salad_home(self) -> TakeDishHome:
        return TakeDishHome(host=self.key, dish=dishes(self)[2])

    @step(done=Picnic.Eaten, kind=PIVOT)
    def eat(self) -> Eat:
        steps = (self.bring_cake, self.bring_pie, self.bring_salad)
        return Eat(host=self.key, dishes=tuple(each.event.dish for each in steps if each.done))


PICNICS = (AllDishes, TwoAtOnce, FirstDish, WhateverComes, WithAlternatives)
"""Each as a system of its own: they lead the same picnics."""

SYSTEMS: dict[type[Saga], System] = {
    each: System(each.__name__, applications=[Picnics, Kitchen], sagas=[each]) for each in PICNICS
}
