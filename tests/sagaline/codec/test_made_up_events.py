"""Events that a test does not care about are made up from the types of their fields."""

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
from sagaline.testing.given.example_values import example_event, field_values


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
    """A class that says nothing of what it is made from."""


class Odd(Aggregate.Event):
    only: Only


def test_each_field_has_a_value_of_its_type() -> None:
    facts = field_values(Opened, {})
    assert facts["name"] == "name"
    assert facts["country"] == "US"
    assert facts["prices"] == (Price(amount=Decimal(1), currency="USD"),)
    assert facts["place"] == Place(1, Colour.RED)
    assert facts["by_name"] == {"by_name": 1}
    assert facts["kind"] == "large"
    assert facts["when"] == LONG_AGO
    assert "left" not in facts


def test_what_is_made_up_can_be_stored_and_read_again() -> None:
    mapper = TypedMapper(JSONTranscoder())
    event = example_event(happened(Opened, count=7))
    assert event.count == 7
    assert mapper.to_domain_event(mapper.to_stored_event(event)) == event


def test_what_is_known_is_taken_where_it_is_of_the_type_that_is_wanted() -> None:
    facts = field_values(Opened, {"name": "Ada", "count": "seven", "price": Place(1, Colour.RED)})
    assert (facts["name"], facts["count"]) == ("Ada", 1)
    assert facts["price"] == Price(amount=Decimal(1), currency="USD")


def test_what_cannot_be_made_up_must_be_told() -> None:
    with pytest.raises(TypeError, match=r"a value for Odd\.only cannot be made up"):
        field_values(Odd, {})
    only = Only()
    assert field_values(Odd, {"only": only}) == {"only": only}
