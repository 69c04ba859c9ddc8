"""A repeated id is compared by the content of its command, in any process and after any deploy."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.utils import register_topic
from pydantic import BaseModel, Field, SecretStr

from sagaline import Command
from sagaline.application.command_digest import digest_of, is_digest_of

ID = UUID(int=9)


class Size(Enum):
    SMALL = 1


class Colour(StrEnum):
    RED = "red"


class Line(BaseModel):
    sku: str
    price: Decimal


@dataclass(frozen=True)
class Place:
    country: str


class Parcel(Command):
    tags: frozenset[str] = frozenset()
    counts: dict[str, int] = Field(default_factory=dict)
    by_place: dict[Place, int] = Field(default_factory=dict)
    price: Decimal = Decimal(0)
    sent_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    size: Size | None = None
    colour: Colour | None = None
    secret: SecretStr | None = None
    note: Any = None


def parcel(**content: Any) -> Parcel:
    return Parcel(id=ID, **content)


def is_same(first: Command, second: Command, handled: Sequence[type[Command]] = ()) -> bool:
    return is_digest_of(digest_of(first), second, handled)


US, DE = Place("US"), Place("DE")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tags": {"a", "b", "c"}}, {"tags": {"c", "b", "a"}}),
        ({"counts": {"a": 1, "b": 2}}, {"counts": {"b": 2, "a": 1}}),
        ({"by_place": {US: 1, DE: 2}}, {"by_place": {DE: 2, US: 1}}),
        ({"price": Decimal("1.0")}, {"price": Decimal("1.00")}),
        ({"price": Decimal(100)}, {"price": Decimal("1E+2")}),
        ({"price": Decimal("0.00")}, {"price": Decimal("-0")}),
        ({"lines": [{"sku": "a", "price": "9.9"}]}, {"lines": [{"sku": "a", "price": "9.90"}]}),
        ({"sent_at": "2026-01-01T09:00+09:00"}, {"sent_at": "2026-01-01T00:00Z"}),
        ({"size": Size.SMALL, "colour": Colour.RED}, {"colour": "red", "size": 1}),
        ({}, {"price": Decimal(0), "tags": set(), "counts": {}, "note": None}),
    ],
)  # fmt: skip
def test_equal_content_is_the_same_command(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert is_same(parcel(**first), parcel(**second))
    assert is_same(parcel(**second), parcel(**first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tags": {"a"}}, {"tags": {"b"}}),
        ({"tags": {"a"}}, {}),
        ({"counts": {"a": 1}}, {"counts": {"a": 2}}),
        ({"by_place": {US: 1}}, {"by_place": {DE: 1}}),
        ({"price": Decimal("1.0")}, {"price": Decimal("1.01")}),
        ({"price": Decimal("1e-400")}, {"price": Decimal("2e-400")}),
        ({"sent_at": "2026-01-01T00:00"}, {"sent_at": "2026-01-01T00:00Z"}),
        ({"sent_at": "9999-12-31T23:00-09:00"}, {"sent_at": "0001-01-01T00:00+09:00"}),
        ({"secret": SecretStr("a")}, {"secret": SecretStr("b")}),
        ({"note": "1"}, {"note": 1}),
        ({"note": {1: 2}}, {"note": {1: 3}}),
        ({"note": [b"a"]}, {"note": [b"b"]}),
    ],
)  # fmt: skip
def test_other_content_is_another_command(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert not is_same(parcel(**first), parcel(**second))
    assert not is_same(parcel(**second), parcel(**first))


def versions() -> tuple[Any, Any]:
    """A command class before and after it gained fields, and so did what it contains."""

    class Item(BaseModel):
        sku: str

    class Pack(Command):
        items: tuple[Item, ...]
        gift: bool = False

    before, sku = Pack, Item

    class Item(BaseModel):  # type: ignore[no-redef]
        fragile: bool = False
        sku: str

    class Pack(Command):  # type: ignore[no-redef]
        packed_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
        labels: list[str] = Field(default_factory=list)
        gift: bool = True
        items: tuple[Item, ...]

    assert sku is not Item
    return before, Pack


def test_fields_that_a_class_gains_with_a_default_are_no_other_content() -> None:
    old, new = versions()
    content = {"id": ID, "items": [{"sku": "a"}]}
    assert is_same(old(**content), new(**content))
    assert is_same(old(**content, gift=False), new(**content, gift=True, labels=[]))
    assert not is_same(old(**content), new(**content, labels=["red"]))
    assert not is_same(old(**content, gift=True), new(**content, gift=False))


def test_what_a_default_function_made_is_the_same_when_it_is_sent_again() -> None:
    _, new = versions()
    first = new(id=ID, items=[])
    assert is_same(first, new(id=ID, items=[])), "made anew"
    assert is_same(first, new.model_validate_json(first.model_dump_json())), "sent as it was"


class Wrap(Command):
    name: str


class Unwrap(Command):
    name: str


def test_a_renamed_class_is_the_same_command_and_another_class_is_not() -> None:
    wrap, unwrap = Wrap(id=ID, name="a"), Unwrap(id=ID, name="a")
    assert is_same(wrap, unwrap, [Unwrap]), "no handler is left for Wrap"
    assert not is_same(wrap, unwrap, [Unwrap, Wrap])


class Bundle(Command):
    name: str
    gift: bool = False


register_topic(f"{__name__}:OldBundle", Bundle)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Bundle", '{"name":"a","gift":false}'),
        ("Bundle", '{"name":"a"}'),
        ("OldBundle", '{"name":"a"}'),
    ],
)
def test_a_digest_of_version_0_1_0_is_known(name: str, content: str) -> None:
    kept = sha256(f"{name} {content}".encode()).hexdigest()[:32]
    assert is_digest_of(kept, Bundle(id=ID, name="a"), [Bundle])
    assert not is_digest_of(kept, Bundle(id=ID, name="a", gift=True), [Bundle])
    assert not is_digest_of(kept, Bundle(id=ID, name="b"), [Bundle])


def test_a_digest_tells_nothing_about_the_content_of_another_command() -> None:
    _, *first = digest_of(Bundle(id=uuid4(), name="a")).split()
    _, *second = digest_of(Bundle(id=uuid4(), name="a")).split()
    assert set(first).isdisjoint(second)


PROGRAM = """
from tests.sagaline.application.test_command_digest import parcel, digest_of
print(digest_of(parcel(tags=set("abcdefgh"), note={"xyz", "uvw", "rst"})))
"""


def test_every_process_has_the_same_digest() -> None:
    run = [sys.executable, "-c", PROGRAM]
    seen = {
        subprocess.run(run, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
