"""Events are read as they were written; one that would not be is refused when it is written."""

import sys
import tracemalloc
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from eventsourcing.cipher import AESCipher
from eventsourcing.compressor import ZlibCompressor
from eventsourcing.domain import (
    Aggregate,
    CanMutateAggregate,
    CanSnapshotAggregate,
    DomainEvent,
    Snapshot,
)
from eventsourcing.persistence import (
    DatetimeAsISO,
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
)
from eventsourcing.utils import Environment, get_topic, register_topic
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    TypeAdapter,
    computed_field,
    field_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

import domain
from domain.money import Money
from domain.order import Order, OrderLine, ShipTo
from domain.payment import Payment
from domain.reservation import Reservation, ReservedLine
from domain.shipment import Shipment
from domain.stock import Stock
from sagaline.codec import (
    MAX_STATE,
    LazyField,
    LazyNestedEvent,
    NestedEvent,
    TypedMapper,
    dump,
    load,
    loaded_class,
)
from sagaline.errors import NotStorable, UnknownTopic, Unreadable
from sagaline.messaging.commands import Command

E = TypeVar("E")

ORDER = UUID("11111111-1111-4111-8111-111111111111")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR = 10**5000

mapper = TypedMapper(JSONTranscoder())


def happened(event_class: type[E], /, **values: Any) -> E:
    envelope = {"originator_id": ORDER, "originator_version": 1, "timestamp": LONG_AGO}
    return event_class(**(envelope | values))


def again(event: Any) -> Any:
    """The event, written to a row and read from it."""
    return mapper.to_domain_event(mapper.to_stored_event(event))


def shape(value: Any) -> Any:  # noqa: C901  one case for each kind
    """A value with the types of all its parts, to compare with another."""
    kind = type(value)
    match value:
        case Enum():
            return kind, value.name
        case BaseModel():
            return kind, {name: shape(part) for name, part in vars(value).items()}
        case dict():
            return kind, [(shape(key), shape(part)) for key, part in value.items()]
        case list() | tuple() | deque():
            return kind, [shape(part) for part in value]
        case set() | frozenset():
            return kind, {(type(part), part) for part in value}
        case datetime() | time():
            return kind, value.replace(tzinfo=None), value.utcoffset(), value.fold
        case float() | Decimal():
            return kind, repr(value)
    if is_dataclass(value):
        return kind, [shape(getattr(value, each.name)) for each in fields(value)]
    return kind, value


# Round trips


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Rank(Enum):
    FIRST = 1


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True)
class Point:
    x: int
    y: Decimal


@dataclass(frozen=True)
class Branch:
    name: str
    branches: tuple["Branch", ...] = ()


@pydantic_dataclass(frozen=True)
class Span:
    start: Annotated[int, Field(ge=0)]
    length: timedelta


class Label(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: Annotated[str, Field(min_length=1)]
    tags: frozenset[str] = frozenset()


class Note(BaseModel):
    """Not frozen: it can be changed after it was made."""

    text: str
    label: Label | None = None


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


@given(everything)
def test_an_event_with_fields_of_any_types_round_trips(values: dict[str, Any]) -> None:
    event = happened(Everything, **values)
    assert shape(again(event)) == shape(event)


@given(everything)
def test_a_nested_event_with_fields_of_any_types_round_trips(values: dict[str, Any]) -> None:
    answer = happened(Answered, step="pay", event=happened(Everything, **values), others=())
    assert shape(again(answer)) == shape(answer)


USD = Money(amount=Decimal("9.99"), currency="USD")
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


def one_field(annotation: Any) -> Any:
    """An event class with one field of this type."""
    name = f"Sent{uuid4().hex}"
    body = {"__annotations__": {"it": annotation}, "__module__": __name__}
    sent = type(name, (DomainEvent,), body)
    return globals().setdefault(name, sent)


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


# Refusals


class Text(str):
    __slots__ = ()


class Cents(Decimal):
    pass


class Deadline(datetime):
    pass


class Special(Label):
    extra: int = 0


class Further(Point):
    pass


class Odd(Enum):
    PAIR = (1, 2)
    ONE = "one"


class Doubling(BaseModel):
    model_config = ConfigDict(frozen=True)

    amount: int

    @field_validator("amount")
    @classmethod
    def _doubled(cls, amount: int) -> int:
        return amount * 2


class Shouting(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: Annotated[str, PlainSerializer(str.upper)]


class Counting(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[int, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def count(self) -> int:
        return len(self.items)


class Secretive(BaseModel):
    model_config = ConfigDict(frozen=True)

    text: str
    _secret: str = "none"

    def telling(self, secret: str) -> Self:
        self._secret = secret
        return self


class Forgetful(BaseModel):
    kept: int
    lost: Annotated[int, Field(exclude=True)] = 0


def changed(note: Note, text: Any) -> Note:
    note.text = text
    return note


def unchecked(**values: Any) -> Any:
    construct: Any = Label.model_construct
    return construct(**values)


BERLIN = ZoneInfo("Europe/Berlin")
HALF_A_MINUTE = timezone(timedelta(seconds=30))


REFUSED: dict[str, tuple[Any, Any, Any]] = {
    "a list for a tuple": (tuple[int, ...], (1,), [1]),
    "a tuple of another type": (tuple[int, str], (1, "a"), (1, 2)),
    "a tuple that is too short": (tuple[int, str], (1, "a"), (1,)),
    "a tuple for a list": (list[int], [1], (1,)),
    "a bool in a list of int": (list[int], [1], [True]),
    "a frozenset for a set": (set[int], {1}, frozenset({1})),
    "a set for a frozenset": (frozenset[int], frozenset({1}), {1}),
    "a bool in a set of int": (set[int], {5}, {True}),
    "an enum member for a str": (str, "a", Mood.GOOD),
    "a subclass of str": (str, "a", Text("a")),
    "half a character": (str, "a", "\ud800"),
    "nothing for a str": (str, "a", None),
    "a str for an enum member": (Mood, Mood.GOOD, "good"),
    "an enum member with a tuple for its value": (Odd, Odd.ONE, Odd.PAIR),
    "a member of another enum": (Colour, Colour.RED, Mood.GOOD),
    "a bool for a literal int": (Literal[1, 2], 1, True),
    "another word than the literal ones": (Literal["a", "b"], "a", "c"),
    "a bool for an int": (int, 1, True),
    "an enum member for an int": (int, 1, Size.LARGE),
    "a float for an int": (int, 1, 1.0),
    "an int of more digits than Python reads": (int, 1, FAR),
    "an int for a bool": (bool, True, 1),
    "an int for a float": (float, 1.5, 1),
    "a decimal for a float": (float, 1.5, Decimal("1.5")),
    "no number": (float, 1.5, float("nan")),
    "infinity": (float, 1.5, float("inf")),
    "an int for a decimal": (Decimal, Decimal(1), 1),
    "a subclass of decimal": (Decimal, Decimal(1), Cents(1)),
    "a decimal that is no number": (Decimal, Decimal(1), Decimal("NaN")),
    "a decimal that is infinite": (Decimal, Decimal(1), Decimal("-Infinity")),
    "a datetime for a date": (date, date(2026, 1, 1), LONG_AGO),
    "a date for a datetime": (datetime, LONG_AGO, date(2026, 1, 1)),
    "a subclass of datetime": (datetime, LONG_AGO, Deadline(2026, 1, 1, tzinfo=UTC)),
    "a datetime of a place": (datetime, LONG_AGO, LONG_AGO.replace(tzinfo=BERLIN)),
    "an offset of seconds": (datetime, LONG_AGO, LONG_AGO.replace(tzinfo=HALF_A_MINUTE)),
    "the second of two same hours": (datetime, LONG_AGO, LONG_AGO.replace(fold=1)),
    "a str for a datetime": (datetime, LONG_AGO, "2026-01-01T00:00:00Z"),
    "a time of a place": (time, time(1), time(1, tzinfo=BERLIN)),
    "the second of two same times": (time, time(1), time(1, fold=1)),
    "a str for a UUID": (UUID, ORDER, str(ORDER)),
    "a str that looks like a UUID": (UUID | str, ORDER, str(ORDER)),
    "a decimal that looks like a str": (str | Decimal, "a", Decimal(1)),
    "a tuple that looks like a list": (list[int] | tuple[int, ...], [1], (1,)),
    "a str for bytes": (bytes, b"a", "a"),
    "bytes that are no text": (bytes, b"a", b"\xff"),
    "a bytearray for bytes": (bytes, b"a", bytearray(b"a")),
    "a subclass of a model": (Label, Label(text="a"), Special(text="a", extra=1)),
    "a dict for a model": (Label, Label(text="a"), {"text": "a"}),
    "a model with a wrong type": (Label, Label(text="a"), unchecked(text=5)),
    "a model without a field": (Label, Label(text="a"), unchecked()),
    "a model copied with a wrong type": (
        Label,
        Label(text="a"),
        Label(text="a").model_copy(update={"tags": {"a"}}),
    ),
    "a model that was changed": (Note, Note(text="a"), changed(Note(text="a"), Mood.GOOD)),
    "a subclass of a dataclass": (Point, Point(1, Decimal(1)), Further(1, Decimal(1))),
    "a dataclass with a wrong type": (Point, Point(1, Decimal(1)), Point(1, cast("Any", 1.5))),
    "a wrong type deep inside": (
        Branch,
        Branch("a"),
        Branch("a", (Branch("b", cast("Any", [])),)),
    ),
    "a model that changes what it reads": (Doubling, None, Doubling(amount=1)),
    "one that may be left out": (Doubling | None, None, Doubling(amount=1)),
    "a model that changes what it writes": (Shouting, Shouting(text="A"), Shouting(text="a")),
    "a model that writes what it refuses": (Counting, None, Counting(items=(1,))),
    "what a model keeps to itself": (
        Secretive,
        Secretive(text="a"),
        Secretive(text="a").telling("b"),
    ),
    "a field that a model leaves out": (Forgetful, Forgetful(kept=1), Forgetful(kept=1, lost=2)),
    "an int key for a str": (dict[str, int], {"a": 1}, {1: 1}),
    "a bool key for an int": (dict[int, str], {1: "a"}, {True: "a"}),
    "two keys that look the same": (dict[int | str, int], {"a": 1}, {1: 1, "1": 2}),
    "nothing for a key": (dict[str | None, int], {"a": 1}, {None: 1}),
    "an enum key with a number for its value": (dict[Rank, int], {}, {Rank.FIRST: 1}),
    "a tuple for a key": (dict[tuple[int, int], int], {}, {(1, 2): 1}),
    "an int out of its bounds": (Annotated[int, Field(gt=0)], 1, 0),
    "a str off its pattern": (Annotated[str, Field(pattern="^a$")], "a", "b"),
    "a list that is too long": (Annotated[list[int], Field(max_length=1)], [1], [1, 2]),
    "a tuple for anything": (Any, 1, (1, 2)),
    "a datetime for anything": (Any, 1, LONG_AGO),
    "an int key for anything": (Any, 1, {1: "a"}),
    "an enum member for anything": (Any, 1, Colour.RED),
    "an object for anything": (Any, 1, object()),
    "a deque that ends": (deque[int], deque([1]), deque([1], maxlen=5)),
    "a tuple for a sequence": (Sequence[int], [1], (1, 2)),
    "money in floats": (Money, USD, USD.model_copy(update={"amount": 9.99})),
    "money in a subclass of str": (Money, USD, USD.model_copy(update={"currency": Text("USD")})),
}


@pytest.mark.parametrize(("annotation", "good", "bad"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_would_be_read_as_another_is_refused(
    annotation: Any, good: Any, bad: Any
) -> None:
    event = one_field(annotation)
    for _ in range(2):
        with pytest.raises(NotStorable, match=f"{event.__name__} cannot be stored: .*it"):
            mapper.to_stored_event(happened(event, it=bad))
        if good is not None:
            assert again(happened(event, it=good)).it == good


def test_a_refusal_names_the_field_and_both_values() -> None:
    event = one_field(dict[str, tuple[Point, ...]])
    with pytest.raises(NotStorable) as refused:
        mapper.to_stored_event(happened(event, it={"a": (Point(1, 2),)}))  # type: ignore[arg-type]
    assert str(refused.value) == (
        f"{event.__name__} cannot be stored: "
        "it.a.0.y is 2 (int) and would be read as Decimal('2') (Decimal)."
    )


def test_a_class_that_pydantic_cannot_write_is_refused() -> None:
    with pytest.raises(NotStorable, match="pydantic cannot write it"):
        mapper.to_stored_event(happened(one_field(Mapper), it=mapper))
    with pytest.raises(NotStorable, match="not an event"):
        mapper.to_stored_event(USD)  # type: ignore[arg-type]


def test_an_event_that_holds_itself_is_refused() -> None:
    around: list[Any] = []
    around.append(around)
    with pytest.raises(NotStorable, match=r"it: .*Circular"):
        mapper.to_stored_event(happened(one_field(list[Any]), it=around))


def test_a_class_is_proven_only_after_a_value_of_it_was_read_back() -> None:
    event = one_field(tuple[Doubling, ...])
    assert again(happened(event, it=())).it == ()
    with pytest.raises(NotStorable, match=r"it\.0\.amount is 2 .* be read as 4"):
        mapper.to_stored_event(happened(event, it=(Doubling(amount=1),)))


# Nested events


class Answered(DomainEvent):
    step: str
    event: NestedEvent
    others: tuple[NestedEvent | None, ...]


@dataclass(frozen=True)
class Answer:
    step: str
    event: NestedEvent | None


class Noted(DomainEvent):
    answer: Answer


def captured() -> Any:
    return Payment.capture(ORDER, USD, "ch_1").collect_events()[0]


def test_a_nested_event_is_stored_whole_and_typed() -> None:
    heard = captured()
    noted = happened(Noted, answer=Answer("pay", heard))
    assert shape(again(noted)) == shape(noted)
    assert type(again(noted).answer.event) is Payment.Captured
    assert again(happened(Noted, answer=Answer("pay", None))).answer.event is None


def test_a_nested_event_has_its_topic_id_version_and_state_in_the_json() -> None:
    tree = TypeAdapter(Answer).dump_python(Answer("pay", captured()))["event"]
    assert tree.keys() == {"topic", "originator_id", "originator_version", "state"}
    assert tree["topic"] == "domain.payment:Payment.Captured"
    assert tree["originator_id"] == str(Payment.id_of(ORDER))
    assert tree["state"]["amount"] == {"amount": "9.99", "currency": "USD"}
    assert load(tree) == captured().__class__(**vars(load(tree)))


def test_a_nested_event_round_trips_through_python_and_json() -> None:
    adapter, answer = TypeAdapter(Answer), Answer("pay", captured())
    assert adapter.validate_python(adapter.dump_python(answer)) == answer
    assert adapter.validate_python(adapter.dump_python(answer, mode="json")) == answer
    assert adapter.validate_json(adapter.dump_json(answer)) == answer
    assert adapter.validate_python({"step": "pay", "event": answer.event}) == answer


def test_a_nested_event_that_cannot_be_stored_is_refused_with_its_own_reason() -> None:
    for wrong in (happened(one_field(str), it=Mood.GOOD), 5):
        with pytest.raises(NotStorable, match="Noted cannot be stored: answer"):
            mapper.to_stored_event(happened(Noted, answer=Answer("pay", wrong)))
    noted = happened(Noted, answer=Answer("pay", happened(one_field(str), it=Mood.GOOD)))
    with pytest.raises(NotStorable, match=r"it is <Mood\.GOOD: 'good'>"):
        mapper.to_stored_event(noted)


@pytest.mark.parametrize("data", [5, {}, {"topic": "x"}, {"topic": 1}, "event"])
def test_data_that_is_not_a_nested_event_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="an event has"):
        load(data)


def test_a_nested_event_of_an_unknown_topic_is_refused() -> None:
    tree = dump(captured()) | {"topic": "domain.payment:Payment.Forged"}
    with pytest.raises(UnknownTopic):
        load(tree)


@dataclass(frozen=True)
class Remembered:
    step: str
    event: LazyNestedEvent | None = LazyField()


class Recalled(DomainEvent):
    answer: Remembered


def test_a_lazy_field_decodes_its_event_when_it_is_read() -> None:
    recalled = happened(Recalled, answer=Remembered("pay", captured()))
    read = again(recalled)
    assert type(vars(read.answer)["event"]) is dict
    assert type(read.answer.event) is Payment.Captured
    assert read.answer.event is read.answer.event
    assert shape(read) == shape(recalled)
    assert read.answer == recalled.answer
    assert again(happened(Recalled, answer=Remembered("pay", None))).answer.event is None


def test_a_lazy_field_that_was_not_read_is_written_as_it_was() -> None:
    stored_first = mapper.to_stored_event(happened(Recalled, answer=Remembered("pay", captured())))
    read: Any = mapper.to_domain_event(stored_first)
    assert mapper.to_stored_event(read).state == stored_first.state


def test_a_lazy_field_raises_unreadable_when_it_is_read() -> None:
    written = mapper.to_stored_event(happened(Recalled, answer=Remembered("pay", captured())))
    broken = written.state.replace(b'"amount":"9.99"', b'"amount":"much"')
    read: Any = mapper.to_domain_event(stored(written.topic, broken))
    for _ in range(2):
        with pytest.raises(Unreadable, match=r"Payment\.Captured .* is unreadable: amount"):
            _ = read.answer.event
    shapeless = written.state.replace(b'"originator_version":1', b'"originator_version":"1"')
    with pytest.raises(Unreadable, match="an event has a topic"):
        mapper.to_domain_event(stored(written.topic, shapeless))


def test_a_lazy_field_cannot_name_a_module_to_import(evil: str) -> None:
    written = mapper.to_stored_event(happened(Recalled, answer=Remembered("pay", captured())))
    forged = written.state.replace(b"domain.payment:Payment.Captured", f"{evil}:E".encode())
    read: Any = mapper.to_domain_event(stored(written.topic, forged))
    with pytest.raises(UnknownTopic, match=evil):
        _ = read.answer.event
    assert evil not in sys.modules


# Topics


class Renamed(DomainEvent):
    it: int


class Ask(Command):
    pass


def stored(topic: str, state: bytes = b"{}", version: int = 1) -> StoredEvent:
    return StoredEvent(ORDER, version, topic, state)


@pytest.mark.parametrize("kind", [Order, Order.Placed, Stock, Renamed, Ask, Aggregate, Snapshot])
def test_a_topic_resolves_to_a_loaded_class(kind: type) -> None:
    assert loaded_class(f"{kind.__module__}:{kind.__qualname__}") is kind


@pytest.mark.parametrize(
    "topic",
    [
        "",
        ":",
        "domain",
        "domain.order",
        "domain.order:",
        "domain.order:Order.",
        "domain.order:Order.Forged",
        "domain.order:Order.cancel",
        "domain.order:OrderLine",
        "domain.order:MAX_LINES",
        "os:system",
        "subprocess:Popen",
        "builtins:eval",
        "eventsourcing.persistence:StoredEvent",
        "domain.order:Order.__init__.__globals__",
        "not_there:Event",
    ],
)
def test_a_topic_of_anything_else_is_unknown(topic: str) -> None:
    with pytest.raises(UnknownTopic, match="not known to the code"):
        loaded_class(topic)
    with pytest.raises(UnknownTopic):
        mapper.to_domain_event(stored(topic))


@pytest.mark.parametrize("kind", [Order, Ask])
def test_a_row_with_the_topic_of_an_aggregate_or_a_command_is_refused(kind: type) -> None:
    with pytest.raises(UnknownTopic):
        mapper.to_domain_event(stored(f"{kind.__module__}:{kind.__qualname__}"))


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that raises SystemExit when it is imported."""
    name = f"evil_{uuid4().hex}"
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the row has run code')")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_upstream_imports_the_module_that_a_row_names(evil: str) -> None:
    with pytest.raises(SystemExit, match="the row has run code"):
        Mapper(JSONTranscoder()).to_domain_event(stored(f"{evil}:Event"))


def test_a_row_cannot_name_a_module_to_import(evil: str) -> None:
    with pytest.raises(UnknownTopic):
        mapper.to_domain_event(stored(f"{evil}:Event"))
    assert evil not in sys.modules


def test_the_aggregate_topic_of_an_event_cannot_name_a_module_to_import(evil: str) -> None:
    state = mapper.to_stored_event(captured()).state
    forged = state.replace(b"domain.payment:Payment", f"{evil}:Payment".encode())
    with pytest.raises(UnknownTopic, match=evil):
        mapper.to_domain_event(stored("domain.payment:Payment.Captured", forged))
    not_one = state.replace(b"domain.payment:Payment", b"domain.payment:Payment.Captured")
    with pytest.raises(UnknownTopic, match="Captured"):
        mapper.to_domain_event(stored("domain.payment:Payment.Captured", not_one))
    assert evil not in sys.modules


def test_the_aggregate_topic_of_a_snapshot_cannot_name_a_module_to_import(evil: str) -> None:
    state = f'{{"timestamp":"2026-01-01T00:00:00Z","topic":"{evil}:Order","state":{{}}}}'
    with pytest.raises(UnknownTopic, match=evil):
        mapper.to_domain_event(stored("eventsourcing.domain:Snapshot", state.encode()))
    assert evil not in sys.modules


def test_a_nested_event_cannot_name_a_module_to_import(evil: str) -> None:
    noted = mapper.to_stored_event(happened(Noted, answer=Answer("pay", captured())))
    forged = noted.state.replace(b"domain.payment:Payment.Captured", f"{evil}:E".encode())
    with pytest.raises(UnknownTopic, match=evil):
        mapper.to_domain_event(stored(noted.topic, forged))
    assert evil not in sys.modules


def test_the_getattr_of_a_module_is_not_called(evil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "__getattr__", lambda name: __import__(evil), raising=False)
    with pytest.raises(UnknownTopic):
        loaded_class("domain:Anything")
    assert evil not in sys.modules


def test_a_renamed_class_is_found_by_its_former_topics() -> None:
    register_topic("shop.old:Gone", Renamed)
    register_topic("shop.old:Bill", Payment)
    register_topic("shop.former", sys.modules["domain.payment"])
    register_topic("former", domain)
    state = mapper.to_stored_event(happened(Renamed, it=1)).state
    assert mapper.to_domain_event(stored("shop.old:Gone", state)) == happened(Renamed, it=1)
    assert loaded_class("shop.old:Bill") is Payment
    assert loaded_class("shop.old:Bill.Captured") is Payment.Captured
    assert loaded_class("shop.former:Payment.Captured") is Payment.Captured
    assert loaded_class("former.payment:Payment.Captured") is Payment.Captured


def test_an_event_under_a_former_topic_creates_its_aggregate() -> None:
    register_topic("shop.older:Bill", Payment)
    event = captured()
    row = mapper.to_stored_event(event)
    state = row.state.replace(b"domain.payment:Payment", b"shop.older:Bill")
    read = mapper.to_domain_event(
        StoredEvent(row.originator_id, 1, "shop.older:Bill.Captured", state)
    )
    assert isinstance(read, Payment.Captured)
    assert isinstance(read.mutate(None), Payment)


class Numbered(DomainEvent):
    TOPIC = "numbered-17"
    it: int


def test_an_explicit_topic_is_found_once_it_is_registered() -> None:
    with pytest.raises(UnknownTopic):
        loaded_class("numbered-17")
    assert get_topic(Numbered) == "numbered-17"
    assert loaded_class("numbered-17") is Numbered
    assert again(happened(Numbered, it=1)).it == 1


def test_a_registered_topic_wins_over_the_name_in_the_module() -> None:
    topic = f"{__name__}:Ask"
    assert loaded_class(topic) is Ask

    class Asked(DomainEvent):
        TOPIC = topic

    get_topic(Asked)
    assert loaded_class(topic) is Asked


# Versions of a class


class Moved(DomainEvent):
    class_version = 3

    street: str
    number: int
    since: date

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        assert state["originator_id"] == ORDER
        street, number = state.pop("address").rsplit(" ", 1)
        state.update(street=street, number=int(number))

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["since"] = date(2026, 1, state["originator_version"])


MOVED = get_topic(Moved)


@pytest.mark.parametrize(
    ("version", "rest"),
    [
        (b"", b'"address":"Elm Street 5"'),
        (b'"class_version":2,', b'"street":"Elm Street","number":5'),
        (b'"class_version":3,', b'"street":"Elm Street","number":5,"since":"2026-01-07"'),
    ],
)
def test_an_event_of_an_older_class_version_is_upcast(version: bytes, rest: bytes) -> None:
    state = b'{%s"timestamp":"2026-01-01T00:00:00Z",%s}' % (version, rest)
    moved = happened(
        Moved, originator_version=7, street="Elm Street", number=5, since=date(2026, 1, 7)
    )
    read = mapper.to_domain_event(stored(MOVED, state, version=7))
    assert shape(read) == shape(moved)
    assert shape(again(moved)) == shape(moved)
    assert mapper.to_stored_event(moved).state.startswith(b'{"class_version":3,"timestamp"')
    assert load(dump(moved)) == moved


@pytest.mark.parametrize("topic", [MOVED, get_topic(Renamed)])
def test_an_event_of_a_newer_class_version_is_refused(topic: str) -> None:
    state = b'{"class_version":4,"timestamp":"2026-01-01T00:00:00Z","it":1}'
    with pytest.raises(Unreadable, match="class version 4 is newer than the code's"):
        mapper.to_domain_event(stored(topic, state))


# Snapshots


class StockState(TypedDict):
    _created_on: datetime
    _modified_on: datetime
    sku: str
    on_hand: int
    reserved: int
    reservations: dict[UUID, int]


class StockSnapshot(CanSnapshotAggregate[UUID], DomainEvent):
    topic: str
    state: StockState


def shelf() -> Stock:
    stock = Stock(sku="A1")
    stock.receive(5)
    stock.reserve(ORDER, 2)
    stock.collect_events()
    return stock


def test_a_snapshot_without_types_is_refused_with_the_cure() -> None:
    with pytest.raises(NotStorable, match="if its class annotates `state`"):
        mapper.to_stored_event(Snapshot.take(shelf()))


def test_a_snapshot_with_types_restores_the_aggregate() -> None:
    stock = shelf()
    snapshot = StockSnapshot.take(stock)
    assert shape(again(snapshot)) == shape(snapshot)
    assert again(snapshot).mutate(None) == stock


# Rows


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b"[]", "object"),
        (b"\xff\xfe", "JSON|UTF"),
        (b'{"timestamp":"2026-01-01T00:00:00Z"}', "it: Field required"),
        (b'{"timestamp":"2026-01-01T00:00:00Z","it":"x"}', "it: Input should be a valid integer"),
    ],
)
def test_the_error_of_an_unreadable_row_has_its_topic_id_and_version(
    state: bytes, why: str
) -> None:
    with pytest.raises(MapperDeserialisationError, match=why) as broken:
        mapper.to_domain_event(stored(get_topic(Renamed), state, version=3))
    assert isinstance(broken.value, Unreadable)
    assert broken.value.topic == get_topic(Renamed)
    assert broken.value.originator_id == ORDER
    assert broken.value.originator_version == 3
    assert str(ORDER) in str(broken.value)


def test_the_error_of_an_unreadable_row_has_none_of_its_values() -> None:
    state = b'{"timestamp":"2026-01-01T00:00:00Z","it":"card 5500"}'
    with pytest.raises(Unreadable) as broken:
        mapper.to_domain_event(stored(get_topic(Renamed), state))
    assert "5500" not in str(broken.value)


def test_an_event_that_is_too_large_is_neither_written_nor_read() -> None:
    event = one_field(str)
    largest = MAX_STATE - len(mapper.to_stored_event(happened(event, it="")).state)
    assert again(happened(event, it="a" * largest)).it == "a" * largest
    with pytest.raises(NotStorable, match="at most 1048576"):
        mapper.to_stored_event(happened(event, it="a" * (largest + 1)))
    state = b'{"timestamp":"2026-01-01T00:00:00Z","it":"%s"}' % (b"a" * MAX_STATE)
    with pytest.raises(Unreadable, match="more than 1048576 bytes"):
        mapper.to_domain_event(stored(get_topic(event), state))


@pytest.mark.parametrize("compressor", [ZlibCompressor(), zlib], ids=["compressor", "module"])
def test_a_compressed_state_is_expanded_up_to_the_limit_only(compressor: Any) -> None:
    small = TypedMapper(JSONTranscoder(), compressor=compressor)
    bomb = zlib.compress(b'{"it":"%s"}' % (b"a" * 50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="more than 1048576 bytes"):
            small.to_domain_event(stored(get_topic(Renamed), bomb))
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_STATE
    finally:
        tracemalloc.stop()


def test_compressed_and_encrypted_events_round_trip() -> None:
    key = AESCipher.create_key(16)
    cipher = AESCipher(Environment(env={"CIPHER_KEY": key}))
    event = happened(one_field(str), it="secret " * 100)
    for kept in (
        TypedMapper(JSONTranscoder(), compressor=ZlibCompressor()),
        TypedMapper(JSONTranscoder(), cipher=cipher),
        TypedMapper(JSONTranscoder(), ZlibCompressor(), cipher),
    ):
        row = kept.to_stored_event(event)
        assert b"secret" not in row.state
        assert kept.to_domain_event(row) == event
        with pytest.raises(Unreadable):
            kept.to_domain_event(StoredEvent(ORDER, 1, row.topic, row.state[:-20]))


def test_an_encrypted_state_cannot_be_moved_to_another_row() -> None:
    cipher = AESCipher(Environment(env={"CIPHER_KEY": AESCipher.create_key(16)}))
    event = happened(Renamed, it=1)
    ours = TypedMapper(JSONTranscoder(), cipher=cipher)
    row = ours.to_stored_event(event)
    for originator_id, version in ((uuid4(), 1), (ORDER, 2)):
        with pytest.raises(Unreadable, match="encrypted for another event"):
            ours.to_domain_event(StoredEvent(originator_id, version, row.topic, row.state))
    assert ours.to_domain_event(row) == event
    # Upstream decrypts it in any row.
    transcoder = JSONTranscoder()
    transcoder.register(DatetimeAsISO())
    theirs: Mapper[UUID] = Mapper(transcoder, cipher=cipher)
    moved = StoredEvent(uuid4(), 1, row.topic, theirs.to_stored_event(event).state)
    assert theirs.to_domain_event(moved).originator_id == moved.originator_id


def test_a_custom_compressor_is_used() -> None:
    class Backwards(ZlibCompressor):
        def compress(self, data: bytes) -> bytes:
            return data[::-1]

        def decompress(self, data: bytes) -> bytes:
            return data[::-1]

    backwards = TypedMapper(JSONTranscoder(), compressor=Backwards())
    row = backwards.to_stored_event(happened(Renamed, it=1))
    assert row.state.startswith(b"}")
    assert backwards.to_domain_event(row) == happened(Renamed, it=1)


# Other kinds of events


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
