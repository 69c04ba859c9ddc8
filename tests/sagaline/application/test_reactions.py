"""Applications that react to each other's events, with the guarantees of every other follower."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import Column, MetaData, Table, Text

from sagaline import (
    NO_EFFECT,
    Application,
    Command,
    DefinitionError,
    Journal,
    ReadModel,
    Retry,
    Runner,
    Saga,
    System,
    handles,
    project,
    reacts_to,
    seconds,
    step,
)
from sagaline.admin.timeline import timeline
from sagaline.application.declaration import declaration_of
from sagaline.messaging.ids import named_id
from sagaline.storage.tables.dead_letters import all_letters
from sagaline.system.system_diagram import system_diagram


class Meal(Aggregate):
    class Ordered(Aggregate.Created):
        dish: str

    class Eaten(Aggregate.Event):
        pass

    @event(Ordered)
    def __init__(self, id: UUID, dish: str) -> None: ...

    @event(Eaten)
    def eat(self) -> None: ...


class Dish(Aggregate):
    class Cooked(Aggregate.Created):
        meal_id: UUID

    @event(Cooked)
    def __init__(self, meal_id: UUID) -> None: ...


class OrderMeal(Command, key="meal_id"):
    meal_id: UUID
    dish: str


class EatMeal(Command, key="meal_id"):
    meal_id: UUID


class CookDish(Command, key="meal_id"):
    meal_id: UUID


class Floor(Application, aggregates=[Meal]):
    @handles(OrderMeal)
    def order(self, command: OrderMeal) -> Meal:
        return Meal(id=command.meal_id, dish=command.dish)

    @handles(EatMeal)
    def eat(self, command: EatMeal) -> Meal:
        meal: Meal = self.repository.get(command.meal_id)
        meal.eat()
        return meal

    @reacts_to(Dish.Cooked)
    def serve(self, event: Dish.Cooked) -> EatMeal:
        return EatMeal(meal_id=event.meal_id)


class Stove:
    """It fails as often as a test says; it remembers what it was asked with."""

    def __init__(self) -> None:
        self.faults = 0
        self.asked: list[UUID] = []

    def cook(self, key: UUID) -> str:
        self.asked.append(key)
        if self.faults:
            self.faults -= 1
            raise OSError("the stove is cold")
        return "hot"


stove = Stove()
COLD = "OSError: the stove is cold"


class Kitchen(Application, aggregates=[Dish]):
    retry = Retry(attempts=3, first=seconds(10))

    @handles(CookDish)
    def cook(self, command: CookDish, answer: str) -> Dish:
        assert answer == "hot"
        return Dish(meal_id=command.meal_id)

    @cook.asks
    def ask_stove(self, command: CookDish) -> str:
        return stove.cook(command.id)

    @reacts_to(Meal.Ordered)
    def hear_order(self, event: Meal.Ordered) -> CookDish | None:
        return None if event.dish == "water" else CookDish(meal_id=event.originator_id)


class Meals(ReadModel):
    """How each meal stands, in restaurants with and without a saga."""

    table = Table("meals", MetaData(), Column("id", Text, primary_key=True), Column("said", Text))

    @project(Journal.Parked)
    def parked(self, event: Journal.Parked) -> None: ...

    @project(Meal.Ordered)
    def ordered(self, event: Meal.Ordered) -> None:
        self.rows[str(event.originator_id)] = {"said": event.dish}


restaurant = System("restaurant", applications=[Floor, Kitchen], read_models=[Meals])


class Clock:
    def __init__(self) -> None:
        self._time = datetime.now(UTC)
        self._lock = Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._time

    def turn(self, time: timedelta) -> None:
        with self._lock:
            self._time += time


class Open:
    """A restaurant at work."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.runner = runner
        self.clock = clock

    def order(self, dish: str) -> UUID:
        meal_id = uuid4()
        self.runner.get(Floor).order(OrderMeal(meal_id=meal_id, dish=dish))
        self.runner.settle(horizon=0)
        return meal_id

    def wait(self, time: timedelta) -> None:
        self.clock.turn(time)
        self.runner.settle(horizon=0)

    def told(self, meal_id: UUID) -> list[tuple[str, int, str | None]]:
        """What happened to a meal: name, hop and cause of each event."""
        entries = timeline(self.runner.apps, str(meal_id))
        return [(each.name, each.hop, each.cause) for each in entries]

    def names(self, meal_id: UUID) -> list[str]:
        return [name for name, _, _ in self.told(meal_id)]

    def letters(self) -> list[tuple[str, str]]:
        with self.runner.get(Kitchen).datastore.read() as connection:
            return [(each.follower, each.error) for each in all_letters(connection)]


@contextmanager
def restaurant_open(url: str) -> Iterator[Open]:
    clock = Clock()
    with Runner(restaurant, {"SQLALCHEMY_URL": url}, now=clock) as runner:
        yield Open(runner, clock)


@pytest.fixture
def opened(store_url: str) -> Iterator[Open]:
    stove.__init__()  # type: ignore[misc]  # a new one, where all look for it
    with restaurant_open(store_url) as opened:
        yield opened


def test_who_follows_whom_follows_from_what_they_react_to() -> None:
    assert restaurant.leaders_of == {
        "Floor": ["Kitchen"],
        "Kitchen": ["Floor"],
        "meals": ["Floor"],
    }
    assert restaurant.topics["Kitchen"].classes == {Meal.Ordered}
    assert restaurant.topics["Floor"].classes == {Dish.Cooked}


def test_the_diagram_shows_who_reacts_to_what() -> None:
    drawn = system_diagram(restaurant)
    assert 'Floor -->|"Meal.Ordered"| Kitchen' in drawn
    assert 'Kitchen -->|"Dish.Cooked"| Floor' in drawn


def test_one_event_leads_to_the_next_with_key_cause_and_hop(opened: Open) -> None:
    meal_id = opened.order("soup")
    assert opened.told(meal_id) == [
        ("Meal.Ordered", 0, opened.told(meal_id)[0][2]),
        ("Dish.Cooked", 1, "floor:1"),
        ("Meal.Eaten", 2, "kitchen:1"),
    ]
    assert (opened.told(meal_id)[0][2] or "").startswith("command:")


def test_an_event_that_asks_for_nothing_is_passed(opened: Open) -> None:
    assert opened.names(opened.order("water")) == ["Meal.Ordered"]
    assert opened.names(opened.order("soup")) == ["Meal.Ordered", "Dish.Cooked", "Meal.Eaten"]
    assert len(stove.asked) == 1


def test_the_command_of_an_event_has_an_id_that_follows_from_it(opened: Open) -> None:
    meal_id = opened.order("soup")
    assert stove.asked == [named_id(meal_id, "hear_order:1")]


def test_a_port_that_fails_is_asked_again_later_with_the_same_id(opened: Open) -> None:
    stove.faults = 2
    meal_id = opened.order("soup")
    opened.wait(seconds(9))
    assert opened.names(meal_id) == ["Meal.Ordered", "CommandFaulted"]
    opened.wait(seconds(1))
    assert opened.names(meal_id).count("CommandFaulted") == 2
    opened.wait(seconds(19))
    assert "Dish.Cooked" not in opened.names(meal_id), "the pause grows"
    opened.wait(seconds(1))
    assert opened.names(meal_id)[-2:] == ["Dish.Cooked", "Meal.Eaten"]
    assert stove.asked == [named_id(meal_id, "hear_order:1")] * 3
    assert opened.letters() == []


def test_a_port_that_never_answers_is_for_a_person_and_holds_up_nobody(opened: Open) -> None:
    stove.faults = 3
    meal_id = opened.order("soup")
    opened.wait(seconds(10))
    opened.wait(seconds(20))
    assert opened.letters() == [
        (
            "Kitchen",
            f"PortGivenUp: Kitchen has tried CookDish 3 times without an answer: {COLD}",
        )
    ]
    assert opened.runner.settled(), "what waits for a person is not waited for"
    assert opened.names(meal_id) == ["Meal.Ordered", "CommandFaulted", "CommandFaulted"]
    assert opened.names(opened.order("soup"))[-1] == "Meal.Eaten"


def test_a_fault_survives_a_restart(store_url: str) -> None:
    stove.__init__()  # type: ignore[misc]
    stove.faults = 1
    with restaurant_open(store_url) as opened:
        meal_id = opened.order("soup")
    with restaurant_open(store_url) as opened:
        opened.wait(seconds(10))
        assert opened.names(meal_id)[-1] == "Meal.Eaten"


@pytest.mark.slow
def test_two_runners_lead_each_event_to_one_effect(store_url: str) -> None:
    stove.__init__()  # type: ignore[misc]
    with restaurant_open(store_url) as one, restaurant_open(store_url) as other:
        meals = [each.order("soup") for each in (one, other) * 20]
        one.runner.settle(horizon=0)
        expected = ["Meal.Ordered", "Dish.Cooked", "Meal.Eaten"]
        assert [one.names(each) for each in meals] == [expected] * 40


class Card(Aggregate):
    class Sent(Aggregate.Created):
        meal_id: UUID

    @event(Sent)
    def __init__(self, meal_id: UUID) -> None: ...


class SendCard(Command, key="meal_id"):
    meal_id: UUID


class Office(Application, aggregates=[Card]):
    @handles(SendCard)
    def send(self, command: SendCard) -> Card:
        return Card(meal_id=command.meal_id)


class Thanks(Saga, starts_on=Meal.Eaten, key=lambda event: event.originator_id):
    @step(done=Card.Sent, kind=NO_EFFECT)
    def send_card(self) -> SendCard:
        return SendCard(meal_id=self.key)


def test_a_system_may_have_both_kinds(sqlite_store: str) -> None:
    stove.__init__()  # type: ignore[misc]
    system = System("both", applications=[Floor, Kitchen, Office], sagas=[Thanks])
    with Runner(system, {"SQLALCHEMY_URL": sqlite_store}) as runner:
        meal_id = Open(runner, Clock()).order("soup")
        names = [each.name for each in timeline(runner.apps, str(meal_id))]
    assert names[:3] == ["Meal.Ordered", "Dish.Cooked", "Meal.Eaten"]
    assert names[-2:] == ["Card.Sent", "SagaEnded"]


def test_a_subclass_may_react_to_something_else() -> None:
    class Slow(Kitchen):
        @reacts_to(Meal.Eaten)
        def hear_order(self, event: Meal.Eaten) -> CookDish:
            return CookDish(meal_id=event.originator_id)

    class Same(Kitchen):
        pass

    assert list(declaration_of(Slow).reactions) == [Meal.Eaten]
    assert list(declaration_of(Same).reactions) == [Meal.Ordered]


class Nothing:
    pass


class Deaf(Application, aggregates=[Meal]):
    @reacts_to(Dish.Cooked)
    def hear(self, event: Dish.Cooked) -> CookDish:
        return CookDish(meal_id=event.meal_id)


class Selfish(Application, aggregates=[Dish]):
    @handles(CookDish)
    def cook(self, command: CookDish) -> None: ...

    @reacts_to(Dish.Cooked)
    def hear(self, event: Dish.Cooked) -> CookDish:
        return CookDish(meal_id=event.meal_id)


class Vague(Application, aggregates=[Meal]):
    @reacts_to(Dish.Cooked)
    def hear(self, event): ...  # type: ignore[no-untyped-def]


def twice() -> None:
    class Twice(Application):
        @reacts_to(Dish.Cooked)
        def one(self, event: Dish.Cooked) -> CookDish:
            return CookDish(meal_id=event.meal_id)

        @reacts_to(Meal.Ordered, Dish.Cooked)
        def other(self, event: Dish.Cooked | Meal.Ordered) -> CookDish | None:
            return None


def reserved() -> None:
    class Reserved(Application):
        @reacts_to(Dish.Cooked)
        def save(self, event: Dish.Cooked) -> CookDish:  # type: ignore[override]
            return CookDish(meal_id=event.meal_id)


@pytest.mark.parametrize(
    ("define", "where", "problem"),
    [
        (lambda: reacts_to(Nothing), "@reacts_to", "Nothing is not an event class"),
        (reacts_to, "@reacts_to", "None is not an event class"),
        (twice, "Twice.other", "a second reaction to Dish.Cooked"),
        (reserved, "Reserved.save", "Application has a save of its own"),
        (
            lambda: System("s", applications=[Deaf, Kitchen]),
            "Deaf.hear",
            "it issues CookDish, which Deaf does not handle",
        ),
        (
            lambda: System("s", applications=[Selfish]),
            "Selfish.hear",
            "it reacts to Dish.Cooked, which Selfish itself records",
        ),
        (
            lambda: System("s", applications=[Vague, Kitchen]),
            "Vague.hear",
            "its return annotation names no command",
        ),
        (
            lambda: System("s", applications=[Kitchen]),
            "Kitchen",
            "no application of the system s records Meal.Ordered",
        ),
    ],
)
def test_what_could_not_work_is_refused(
    define: Callable[[], Any], where: str, problem: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        define()
    assert refused.value.where == where
    assert problem in refused.value.problem
    assert refused.value.cure
