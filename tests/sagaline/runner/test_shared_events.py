"""Followers see what is in the log, whatever handlers and aggregates do to an event in memory."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate, event
from sqlalchemy import Column, MetaData, Table, Text, select

from sagaline import (
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    ReadModel,
    Runner,
    Saga,
    SetTimer,
    System,
    handles,
    project,
    reacts_to,
    rebuild,
    step,
)
from sagaline.storage.sql.columns import Uuid
from sagaline.testing import given, happened

MANY = [UUID(int=number) for number in range(1, 31)]


@dataclass
class Note:
    """A part of an event that can change."""

    lines: list[str] = field(default_factory=list)


class Cart(Aggregate):
    """Keeps the list of its first event, and adds to it."""

    class Opened(Aggregate.Created):
        items: list[str]
        prices: dict[str, int]
        note: Note

    class Added(Aggregate.Event):
        item: str

    class Closed(Aggregate.Event):
        said: str

    @event(Opened)
    def __init__(self, id: UUID, items: list[str], prices: dict[str, int], note: Note) -> None:
        self.items, self.prices, self.note = items, prices, note

    @event(Added)
    def add(self, item: str) -> None:
        self.items.append(item)
        self.prices[item] = 1
        self.note.lines.append(item)

    @event(Closed)
    def close(self, said: str) -> None: ...


class Parcel(Aggregate):
    class Packed(Aggregate.Created):
        items: list[str]

    @event(Packed)
    def __init__(self, id: UUID, items: list[str]) -> None: ...


class Open(Command, key="cart_id"):
    cart_id: UUID
    items: list[str]


class Add(Command, key="cart_id"):
    cart_id: UUID
    items: list[str]


class Close(Command, key="cart_id"):
    cart_id: UUID
    said: str


class Pack(Command, key="cart_id"):
    cart_id: UUID
    items: list[str]


class Carts(Application, aggregates=[Cart]):
    rival: "Carts | None" = None
    """Another process, which writes once while this one handles a command."""

    @handles(Open)
    def open(self, command: Open) -> Cart:
        prices = dict.fromkeys(command.items, 1)
        return Cart(command.cart_id, command.items, prices, Note([*command.items]))

    @handles(Add)
    def add(self, command: Add) -> None:
        cart: Cart = self.repository.get(command.cart_id)
        while command.items:
            cart.add(command.items.pop())
        rival, self.rival = self.rival, None
        if rival is not None:
            close = Close(cart_id=command.cart_id, said="meanwhile")
            Context().run(rival.execute_one, close)  # as another process would

    @handles(Close)
    def finish(self, command: Close) -> None:
        cart: Cart = self.repository.get(command.cart_id)
        cart.close(command.said)


class Parcels(Application, aggregates=[Parcel]):
    @reacts_to(Cart.Opened)
    def prepare(self, event: Cart.Opened) -> Pack:
        event.items.reverse()
        later = Pack(cart_id=event.originator_id, items=event.items)
        event.items.clear()
        return later

    @handles(Pack)
    def pack(self, command: Pack) -> Parcel | None:
        if command.items[0] != "later":
            delayed = Pack(cart_id=command.cart_id, items=["later", *command.items])
            self.set_timer(SetTimer(f"pack {command.cart_id}", timedelta(0), delayed))
            delayed.items.append("forgotten")
            command.items.clear()
            return None
        return Parcel(Parcel.create_id(), command.items[1:])


class Shopping(Saga, starts_on=Cart.Opened, key=lambda event: event.originator_id):
    """Changes every event that it has received."""

    @step(done=Cart.Added, kind=NO_EFFECT)
    def add(self) -> Add:
        self[Cart.Opened].items.sort()
        return Add(cart_id=self.key, items=["b"])

    @step(done=Cart.Closed, kind=PIVOT)
    def close(self) -> Close:
        heard = self[Cart.Opened]
        said = ",".join([*heard.items, *heard.prices, *heard.note.lines])
        heard.items.clear()
        return Close(cart_id=self.key, said=said)


def table(name: str) -> Table:
    return Table(name, MetaData(), Column("cart_id", Uuid, primary_key=True), Column("is", Text))


class Changing(ReadModel):
    """Sorts and empties what the read model after it reads."""

    table = table("changing")

    def keys_of(self, event: Any, message: Any) -> list[UUID]:
        event.items.sort()
        event.items.pop()
        return [event.originator_id]

    @project(Cart.Opened)
    def opened(self, event: Cart.Opened) -> None:
        event.items.sort()
        event.prices.clear()
        self.rows[event.originator_id] = {"is": ",".join(event.items)}


class Reading(ReadModel):
    table = table("reading")

    @project(Cart.Opened)
    def opened(self, event: Cart.Opened) -> None:
        parts = [*event.items, *event.prices, *event.note.lines]
        self.rows[event.originator_id] = {"is": ",".join(parts)}


class Packed(ReadModel):
    table = table("packed")

    @project(Parcel.Packed)
    def packed(self, event: Parcel.Packed) -> None:
        self.rows[event.originator_id] = {"is": ",".join(event.items)}


class Said(ReadModel):
    table = table("said")

    @project(Cart.Closed)
    def closed(self, event: Cart.Closed) -> None:
        self.rows[event.originator_id] = {"is": event.said}


system = System(
    "carts",
    applications=[Carts, Parcels],
    sagas=[Shopping],
    read_models=[Changing, Reading, Packed, Said],
)


@contextmanager
def shopping(store_url: str) -> Iterator[Runner]:
    with Runner(system, {"SQLALCHEMY_URL": store_url}) as runner:
        yield runner


def rows(runner: Runner, model: type[ReadModel]) -> set[str]:
    with runner.views.read() as connection:
        return set(connection.execute(select(model.table.c["is"])).scalars())


def test_followers_see_the_log_whatever_others_do_to_an_event(store_url: str) -> None:
    with shopping(store_url) as runner:
        commands = [Open(cart_id=each, items=["c", "a"]) for each in MANY]
        assert [each.error for each in runner.get(Carts).execute(commands)] == [None] * len(MANY)
        runner.settle()
        assert rows(runner, Changing) == {"a,c"}
        assert rows(runner, Reading) == {"c,a,c,a,c,a"}
        assert rows(runner, Said) == {"c,a,c,a,c,a"}
        assert rows(runner, Packed) == {"a,c"}
    differences = [each.differences for each in rebuild(system, env(store_url), verify=True)]
    assert differences == [[]] * len(system.read_models)


def test_a_command_that_its_handler_has_changed_is_executed_again_as_it_was_given(
    store_url: str,
) -> None:
    alone = {**env(store_url), "PERSISTENCE_MODULE": "sagaline.storage"}
    with closing(Carts(alone)) as carts, closing(Carts(alone)) as rival:
        carts.execute_one(Open(cart_id=MANY[0], items=[]))
        carts.rival = rival
        adding = Add(cart_id=MANY[0], items=["c", "a"])
        receipt = carts.execute_one(adding)
        cart: Cart = carts.repository.get(MANY[0])
        assert cart.version == 4
        assert adding.items == ["c", "a"]
        assert carts.execute_one(adding).position == receipt.position


def test_a_saga_in_a_test_hears_each_event_as_it_was_given() -> None:
    opened = happened(
        Cart.Opened, originator_id=MANY[0], items=["c", "a"], prices={"c": 1}, note=Note(["c"])
    )
    story = given(Shopping, opened, happened(Cart.Added, originator_id=MANY[0], item="b"))
    story.then(Close(cart_id=MANY[0], said="c,a,c,c"))
    assert story.journal.received[Cart.Opened].items == ["c", "a"]


def test_a_read_model_in_a_test_handles_each_event_as_it_was_given() -> None:
    items = ["c", "a"]
    facts: dict[str, Any] = {"items": items, "prices": {}, "note": Note()}
    given(Changing).when(happened(Cart.Opened, **facts)).then({"is": "a,c"})
    assert items == ["c", "a"]


def test_an_aggregate_in_a_test_that_adds_to_its_event_differs_from_its_replay() -> None:
    with pytest.raises(AssertionError, match="does not follow from the events"):
        given(Cart).when(_opened_and_changed).then(Cart.Opened, Cart.Added)


def test_an_aggregate_in_a_test_has_the_history_that_was_given() -> None:
    items = ["c", "a"]
    opened = happened(Cart.Opened, items=items, prices={}, note=Note())
    given(Cart, opened).when(Cart.add, "b").then(Cart.Added, item="b")
    assert items == ["c", "a"]


def _opened_and_changed() -> Cart:
    cart = Cart(MANY[0], ["a"], {}, Note())
    cart.add("b")
    return cart


def env(store_url: str) -> dict[str, str]:
    return {"SQLALCHEMY_URL": store_url}
