"""Example values for the fields of events that a test does not set."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import JSONTranscoder
from pydantic import BaseModel, Field, StringConstraints

from sagaline.codec import TypedMapper
from sagaline.testing import LONG_AGO, happened
from sagaline.testing.given.example_values import facts_of, sealed


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Place:
    row: int
    colour: Colour


class Price(BaseModel):
    amount: Annotated[Decimal, Field(ge=1)]
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    note: str = "none"


class Opened(Aggregate.Created):
    name: str
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    count: int
    price: Price
    prices: tuple[Price, ...]
    place: Place
    by_name: Mapping[str, int]
    kind: Literal["large", "small"]
    who: UUID
    when: datetime
    day: date
    long: timedelta
    perhaps: str | None
    left: bool = False


class Only:
    """A class without annotations."""


class Odd(Aggregate.Event):
    only: Only


def test_each_field_without_a_default_has_a_value_of_its_type() -> None:
    facts = facts_of(Opened, {})
    assert facts["name"] == "name"
    assert facts["country"] == "US"
    assert facts["prices"] == (Price(amount=Decimal(1), currency="USD"),)
    assert facts["place"] == Place(1, Colour.RED)
    assert facts["by_name"] == {"by_name": 1}
    assert facts["kind"] == "large"
    assert facts["when"] == LONG_AGO
    assert "left" not in facts


def test_an_event_of_example_values_round_trips() -> None:
    mapper = TypedMapper(JSONTranscoder())
    event = sealed(happened(Opened, count=7))
    assert event.count == 7
    assert mapper.to_domain_event(mapper.to_stored_event(event)) == event


def test_a_given_value_is_used_where_it_is_of_the_type_of_the_field() -> None:
    facts = facts_of(Opened, {"name": "Ada", "count": "seven", "price": Place(1, Colour.RED)})
    assert (facts["name"], facts["count"]) == ("Ada", 1)
    assert facts["price"] == Price(amount=Decimal(1), currency="USD")


def test_a_field_without_an_example_value_must_be_given() -> None:
    with pytest.raises(TypeError, match=r"a value for Odd\.only cannot be made up"):
        facts_of(Odd, {})
    only = Only()
    assert facts_of(Odd, {"only": only}) == {"only": only}
