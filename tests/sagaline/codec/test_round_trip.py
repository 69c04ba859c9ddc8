"""Events are read as they were written."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Flag
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from eventsourcing.domain import CanMutateAggregate, DomainEvent
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict

from domain.money import Money
from domain.order import Order, OrderLine, ShipTo
from domain.payment import Payment
from domain.reservation import Reservation, ReservedLine
from domain.shipment import Shipment
from domain.stock import Stock
from tests.sagaline.codec.events import (
    ORDER,
    USD,
    Answered,
    Renamed,
    again,
    happened,
    mapper,
    one_field,
    shape,
)
from tests.sagaline.codec.values import Branch, Colour, Label, Mood, Note, Point, Size, Span


class Everything(DomainEvent):
    flag: bool
    count: int
    ratio: float
    text: str
    data: bytes
    amount: Decimal
    id: UUID
    day: date
    clock: time
    moment: datetime
    length: timedelta
    colour: Colour
    size: Size
    mood: Mood
    word: Literal["yes", "no"]
    price: Money
    point: Point
    span: Span
    note: Note
    tree: Branch
    maybe: Money | None
    either: int | str
    numbers: list[int]
    pair: tuple[int, Mood]
    lines: tuple[Label, ...]
    names: set[str]
    days: frozenset[date]
    by_number: dict[int, tuple[Decimal, ...]]
    by_id: dict[UUID, Point]
    by_colour: dict[Colour, timedelta]
    nested: dict[str, list[dict[int, set[UUID]]]]


offsets = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
zones = st.one_of(st.none(), st.just(UTC), offsets)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
texts = st.text()
ids = st.uuids()
numbers = st.integers(-(10**30), 10**30)
coins = st.integers(0, 10**13).map(lambda n: Money(amount=Decimal(n).scaleb(-2), currency="USD"))
points = st.builds(Point, numbers, decimals)
labels = st.builds(Label, text=st.text(min_size=1), tags=st.frozensets(texts, max_size=3))
trees = st.recursive(
    st.builds(Branch, texts),
    lambda inner: st.builds(Branch, texts, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=8,
)
everything = st.fixed_dictionaries(
    {
        "flag": st.booleans(),
        "count": numbers,
        "ratio": st.floats(allow_nan=False, allow_infinity=False),
        "text": texts,
        "data": texts.map(str.encode),
        "amount": decimals,
        "id": ids,
        "day": st.dates(),
        "clock": st.times(timezones=zones).map(lambda clock: clock.replace(fold=0)),
        "moment": st.datetimes(timezones=zones).map(lambda moment: moment.replace(fold=0)),
        "length": st.timedeltas(),
        "colour": st.sampled_from(Colour),
        "size": st.sampled_from(Size),
        "mood": st.sampled_from(Mood),
        "word": st.sampled_from(["yes", "no"]),
        "price": coins,
        "point": points,
        "span": st.builds(Span, st.integers(0, 100), st.timedeltas()),
        "note": st.builds(Note, text=texts, label=st.none() | labels),
        "tree": trees,
        "maybe": st.none() | coins,
        "either": numbers | texts,
        "numbers": st.lists(numbers, max_size=3),
        "pair": st.tuples(numbers, st.sampled_from(Mood)),
        "lines": st.lists(labels, max_size=3).map(tuple),
        "names": st.sets(texts, max_size=3),
        "days": st.frozensets(st.dates(), max_size=3),
        "by_number": st.dictionaries(numbers, st.lists(decimals, max_size=2).map(tuple)),
        "by_id": st.dictionaries(ids, points, max_size=2),
        "by_colour": st.dictionaries(st.sampled_from(Colour), st.timedeltas()),
        "nested": st.dictionaries(
            texts,
            st.lists(st.dictionaries(numbers, st.sets(ids, max_size=2), max_size=2), max_size=2),
            max_size=2,
        ),
    }
)


@pytest.mark.slow
@given(everything)
def test_an_event_with_fields_of_any_types_round_trips(values: dict[str, Any]) -> None:
    event = happened(Everything, **values)
    assert shape(again(event)) == shape(event)


@pytest.mark.slow
@given(everything)
def test_a_nested_event_with_fields_of_any_types_round_trips(values: dict[str, Any]) -> None:
    answer = happened(Answered, step="pay", event=happened(Everything, **values), others=())
    assert shape(again(answer)) == shape(answer)


LINE = OrderLine(sku="A1", quantity=2, unit_price=USD)
HOME = ShipTo(country="US", postcode="45202")


def all_of_the_shop() -> list[Any]:
    order = Order(id=ORDER, customer_id="9", lines=(LINE,), payment_method="pm", ship_to=HOME)
    order.cancel("no stock")
    stock = Stock(sku="A1")
    stock.receive(2)
    stock.reserve(ORDER, 1)
    stock.dispatch(ORDER)
    made = Reservation.make(ORDER, [ReservedLine(sku="A1", quantity=2)])
    made.release()
    payment = Payment.await_answer(ORDER, USD)
    payment.settle_captured("ch_1")
    payment.refuse_refund("bank closed")
    payment.refund()
    refused = Reservation.refuse(ORDER, "no stock"), Shipment.refuse(ORDER, "undeliverable")
    aggregates = [order, stock, made, payment, *refused, Shipment.book(ORDER, "1Z")]
    return [event for each in aggregates for event in each.collect_events()]


def test_every_event_of_the_shop_round_trips() -> None:
    for event in all_of_the_shop():
        assert shape(again(event)) == shape(event)
        assert shape(again(event)) == shape(event), "the first was read back, this one is proven"


def test_a_stored_event_is_plain_json_without_the_fields_that_have_columns() -> None:
    event = Payment.capture(ORDER, USD, "ch_1").collect_events()[0]
    stored = mapper.to_stored_event(event)
    assert stored.topic == "domain.payment:Payment.Captured"
    assert stored.originator_id == event.originator_id
    assert stored.originator_version == 1
    moment = event.timestamp.isoformat().replace("+00:00", "Z")
    assert stored.state.decode() == (
        f'{{"timestamp":"{moment}","originator_topic":"domain.payment:Payment",'
        f'"order_id":"{ORDER}","amount":{{"amount":"9.99","currency":"USD"}},"reference":"ch_1",'
        '"ship_to":null}'
    )


class Pair(NamedTuple):
    left: int
    right: str


class Address(TypedDict):
    street: str
    number: int


class Right(Flag):
    READ = 1
    WRITE = 2


class Bag(RootModel[list[int]]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: int


class Aliased(BaseModel):
    name: Annotated[str, Field(alias="Name")]


READ_BACK: dict[str, tuple[Any, Any]] = {
    "plain JSON": (Any, {"a": [1, "x", None, True, 1.5, {}]}),
    "a dict of anything": (dict[str, Any], {"a": 1}),
    "a list of anything": (list, [1, [2]]),
    "a named tuple": (Pair, Pair(1, "x")),
    "a typed dict": (Address, {"street": "Elm", "number": 1}),
    "flags": (Right, Right.READ | Right.WRITE),
    "a root model": (Bag, Bag([1, 2])),
    "one of two models": (Cat | Dog, Dog(tricks=3)),
    "one of two models, by its kind": (
        Annotated[Cat | Dog, Field(discriminator="kind")],
        Cat(lives=9),
    ),
    "a model with an alias": (Aliased, Aliased.model_validate({"Name": "Ann"})),
    "a path": (Path, Path("a") / "b"),
    "a complex number": (complex, 1 + 2j),
    "a deque": (deque[int], deque([1, 2])),
    "a sequence": (Sequence[int], [1, 2]),
    "a UUID or a str": (str | UUID, ORDER),
    "an int or a float": (int | float, 1.0),
    "an int within bounds": (Annotated[int, Field(gt=0)], 5),
    "float keys": (dict[float, int], {1.5: 1}),
    "a model or nothing": (Label | None, Label(text="x")),
}


@pytest.mark.parametrize(("annotation", "value"), READ_BACK.values(), ids=READ_BACK)
def test_a_value_that_is_not_proven_is_read_back_and_stored_when_it_is_equal(
    annotation: Any, value: Any
) -> None:
    event = one_field(annotation)
    for _ in range(2):
        assert shape(again(happened(event, it=value))) == shape(happened(event, it=value))


class Immutable(BaseModel):
    model_config = ConfigDict(frozen=True)


class Modelled(Immutable, CanMutateAggregate[UUID]):
    originator_id: UUID
    originator_version: int
    timestamp: datetime
    it: Money


@dataclass(frozen=True)
class Texted(CanMutateAggregate[str]):
    originator_id: str
    originator_version: int
    timestamp: datetime
    it: tuple[int, ...]


def test_an_event_may_be_a_pydantic_model() -> None:
    event = happened(Modelled, it=USD)
    for _ in range(2):
        assert shape(again(event)) == shape(event)


def test_an_originator_id_may_be_text_in_the_class_or_in_the_database() -> None:
    texted = happened(Texted, originator_id="a", it=(1,))
    assert shape(again(texted)) == shape(texted)
    row = mapper.to_stored_event(happened(Renamed, it=1))
    read = mapper.to_domain_event(StoredEvent(str(ORDER), 1, row.topic, row.state))
    assert read.originator_id == ORDER
