"""Types of values that the events of the tests have."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass


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
