"""Which classes of events can be shared: those that are immutable throughout."""

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from eventsourcing.domain import CanSnapshotAggregate, DomainEvent
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from application.system import system as shop
from domain.money import Money
from sagaline import Command
from sagaline.application.declaration import declaration_of
from sagaline.application.ownership import events_of
from sagaline.codec import is_shareable, unshared
from sagaline.saga.instance import Journal
from sagaline.saga.requests import request_class
from tests.sagaline.codec.events import USD, happened, one_field


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Line:
    sku: str
    price: Money


@dataclass(frozen=True)
class Tree:
    name: str
    children: tuple["Tree", ...]


@dataclass
class OpenLine:
    sku: str


@dataclass(frozen=True)
class LineWithList:
    skus: list[str]


@dataclass(frozen=True)
class LineWithMore:
    sku: str

    @cached_property
    def letters(self) -> list[str]:
        return list(self.sku)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    at: datetime

    @model_validator(mode="after")
    def _checked(self) -> "Frozen":
        return self


class Unfrozen(BaseModel):
    at: datetime


class FrozenWithMore(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")
    at: datetime


class FrozenWithPrivate(BaseModel):
    model_config = ConfigDict(frozen=True)
    at: datetime
    _seen: list[str] = PrivateAttr(default_factory=list)


class FrozenWithDict(BaseModel):
    model_config = ConfigDict(frozen=True)
    by_name: dict[str, int] = Field(default_factory=dict)


IMMUTABLE: list[Any] = [
    str,
    int | None,
    bool,
    float,
    bytes,
    Decimal,
    UUID,
    date,
    datetime,
    timedelta,
    Colour,
    Literal["a", "b"],
    Money,
    Line,
    Tree,
    Frozen,
    tuple[str, ...],
    tuple[int, Line],
    tuple[()],
    frozenset[UUID],
    Line | Frozen | None,
    Annotated[str, Field(min_length=1)],
]
MUTABLE: list[Any] = [
    list[str],
    dict[str, int],
    set[str],
    deque[int],
    Any,
    object,
    tuple[Any, ...],
    tuple[list[str], ...],
    frozenset[Any],
    list[str] | None,
    OpenLine,
    LineWithList,
    LineWithMore,
    Unfrozen,
    FrozenWithMore,
    FrozenWithPrivate,
    FrozenWithDict,
    Line | list[str],
    Annotated[str, AfterValidator(list)],
]


@pytest.mark.parametrize("annotation", IMMUTABLE, ids=str)
def test_an_event_of_immutable_fields_is_shared(annotation: Any) -> None:
    assert is_shareable(one_field(annotation))


@pytest.mark.parametrize("annotation", MUTABLE, ids=str)
def test_an_event_with_a_field_that_can_change_is_not_shared(annotation: Any) -> None:
    assert not is_shareable(one_field(annotation))


def test_an_event_that_keeps_more_than_its_fields_is_not_shared() -> None:
    class Kept(DomainEvent):
        name: str

        def __post_init__(self) -> None:
            object.__setattr__(self, "letters", list(self.name))

    assert not is_shareable(Kept)


def test_a_command_is_shared_where_its_fields_are_immutable() -> None:
    class Order(Command):
        lines: tuple[Line, ...]

    class OrderAny(Command):
        lines: list[Line]

    assert is_shareable(Order)
    assert is_shareable(request_class(Order))
    assert not is_shareable(OrderAny)
    assert not is_shareable(request_class(OrderAny))


def test_what_is_shared_is_the_same_object_and_what_is_not_is_a_copy() -> None:
    shared = happened(one_field(Line), it=Line("a", USD))
    assert unshared(shared) is shared
    changing = happened(one_field(list[str]), it=["a"])
    copy = unshared(changing)
    assert copy == changing
    copy.it.append("b")
    assert changing.it == ["a"]


def test_the_framework_s_events_are_shared_even_with_events_inside_that_are_not() -> None:
    for each in (Journal.Started, Journal.Noted, Journal.Skipped, Journal.Ended, Journal.Resumed):
        assert is_shareable(each)


def test_all_events_and_commands_of_the_shop_are_shared() -> None:
    for application in shop.applications:
        declared = declaration_of(application)
        for each in (*events_of(*declared.aggregates), *declared.handlers):
            assert is_shareable(each) or issubclass(each, CanSnapshotAggregate), each
