"""Trips of guests, the money for them, and the mails of the agency."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.travel.commands import (
    Approve,
    Charge,
    ConfirmTrip,
    DropTrip,
    Line,
    Reject,
    WantTrip,
    WriteTo,
)


class TooDear(Exception):
    """The guest's card does not bear it."""


class Trip(Aggregate):
    class Wanted(Aggregate.Created):
        trip: str
        lines: tuple[Line, ...]

    class Approved(Aggregate.Event):
        by: str

    class Rejected(Aggregate.Event):
        reason: str

    class Charged(Aggregate.Event):
        amount: int

    class ChargeDeclined(Aggregate.Event):
        reason: str

    class Booked(Aggregate.Event):
        places: tuple[str, ...]

    class Dropped(Aggregate.Event):
        reason: str

    class Mailed(Aggregate.Event):
        whom: str

    @staticmethod
    def create_id(trip: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"trip {trip}")

    @event(Wanted)
    def __init__(self, trip: str, lines: tuple[Line, ...]) -> None:
        self.status = "wanted"
        self.charged = 0
        self.places: tuple[str, ...] = ()
        self.reason = ""
        self.mails: list[str] = []

    @event(Approved)
    def approve(self, by: str) -> None:
        self.status = "approved"

    @event(Rejected)
    def reject(self, reason: str) -> None:
        self.status = "rejected"

    def charge(self, amount: int) -> None:
        if amount > 1_000:
            raise TooDear(f"{amount} is too dear")
        self._charge(amount)

    @event(Charged)
    def _charge(self, amount: int) -> None:
        self.charged = amount

    @event(Booked)
    def book(self, places: tuple[str, ...]) -> None:
        self.status, self.places = "booked", places

    @event(Dropped)
    def drop(self, reason: str) -> None:
        self.status, self.reason = "dropped", reason

    @event(Mailed)
    def mail(self, whom: str) -> None:
        self.mails.append(whom)


class Trips(Application, aggregates=[Trip]):
    def trip(self, trip: str) -> Trip:
        found: Trip = self.repository.get(Trip.create_id(trip))
        return found

    @handles(WantTrip)
    def want(self, command: WantTrip) -> Trip:
        return Trip(command.trip, command.lines)

    @handles(Approve)
    def approve(self, command: Approve) -> None:
        self.trip(command.trip).approve(command.by)

    @handles(Reject)
    def reject(self, command: Reject) -> None:
        self.trip(command.trip).reject(command.reason)

    @handles(Charge, refuses={TooDear: Trip.ChargeDeclined})
    def charge(self, command: Charge) -> None:
        self.trip(command.trip).charge(command.amount)

    @handles(ConfirmTrip)
    def confirm(self, command: ConfirmTrip) -> None:
        self.trip(command.trip).book(command.places)

    @handles(DropTrip)
    def drop(self, command: DropTrip) -> None:
        self.trip(command.trip).drop(command.reason)

    @handles(WriteTo)
    def write_to(self, command: WriteTo) -> None:
        self.trip(command.trip).mail(command.whom)
