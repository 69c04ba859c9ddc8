"""What the contexts of the travel agency are asked for."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from sagaline import Command


class Line(BaseModel):
    """One part of a trip."""

    kind: Literal["flight", "hotel", "car"]
    name: str


class TripCommand(Command, key="trip"):
    trip: str


class WantTrip(TripCommand):
    lines: tuple[Line, ...]


class Approve(TripCommand):
    by: str


class Reject(TripCommand):
    reason: str


class Charge(TripCommand):
    amount: int


class ConfirmTrip(TripCommand):
    places: tuple[str, ...]


class DropTrip(TripCommand):
    reason: str


class WriteTo(TripCommand):
    """A mail."""

    whom: str


class BookLine(Command, key="booking"):
    """Starts the booking of one line, which is a saga of its own."""

    booking: str
    line: Line


class HoldCommand(Command, key="booking"):
    booking: str


class HoldFlight(HoldCommand):
    name: str


class HoldHotel(HoldCommand):
    name: str


class HoldCar(HoldCommand):
    name: str


class FreeFlight(HoldCommand):
    pass


class FreeHotel(HoldCommand):
    pass


class FreeCar(HoldCommand):
    pass


class KeepOption(Command, key="option"):
    """Holds a seat on a flight until the guest decides."""

    option: str
    until: datetime


class ReleaseOptions(Command, key="night"):
    """Releases the options that are over."""

    night: str
    at: datetime


class ReleaseNow(Command, key="night"):
    """Starts a release out of turn."""

    night: str
    at: datetime
