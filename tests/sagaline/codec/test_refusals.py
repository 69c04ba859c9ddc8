"""Events that would not be read as they were written are refused when they are written."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from eventsourcing.persistence import Mapper
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, computed_field, field_validator

from domain.money import Money
from sagaline.errors import NotStorable
from tests.sagaline.codec.events import (
    FAR,
    LONG_AGO,
    ORDER,
    USD,
    again,
    happened,
    mapper,
    one_field,
)
from tests.sagaline.codec.values import Branch, Colour, Label, Mood, Note, Point, Rank, Size


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
