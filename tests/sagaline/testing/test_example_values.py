"""Example values for event fields are derived from the types of the fields."""

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
    """A class without type hints."""


class Odd(Aggregate.Event):
    only: Only


def test_each_field_gets_a_value_of_its_type() -> None:
    values = field_values(Opened, {})
    assert values["name"] == "name"
    assert values["country"] == "US"
    assert values["prices"] == (Price(amount=Decimal(1), currency="USD"),)
    assert values["place"] == Place(1, Colour.RED)
    assert values["by_name"] == {"by_name": 1}
    assert values["kind"] == "large"
    assert values["when"] == LONG_AGO
    assert "left" not in values


def test_an_example_event_survives_a_round_trip_through_the_codec() -> None:
    mapper = TypedMapper(JSONTranscoder())
    event = example_event(happened(Opened, count=7))
    assert event.count == 7
    assert mapper.to_domain_event(mapper.to_stored_event(event)) == event


def test_a_known_value_is_used_where_it_has_the_type_of_the_field() -> None:
    values = field_values(Opened, {"name": "Ada", "count": "seven", "price": Place(1, Colour.RED)})
    assert (values["name"], values["count"]) == ("Ada", 1)
    assert values["price"] == Price(amount=Decimal(1), currency="USD")


def test_a_type_without_an_example_must_be_given() -> None:
    with pytest.raises(TypeError, match=r"no example value for Odd\.only"):
        field_values(Odd, {})
    only = Only()
    assert field_values(Odd, {"only": only}) == {"only": only}
