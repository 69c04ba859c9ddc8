"""Flights: seats are held, but none on the night flight, which is full; options are kept."""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.travel.commands import (
    FreeFlight,
    HoldFlight,
    KeepOption,
    ReleaseOptions,
)


class FlightFull(Exception):
    """There is no seat left."""


class Seat(Aggregate):
    class Held(Aggregate.Created):
        booking: str
        name: str
        price: int

    class Refused(Aggregate.Event):
        reason: str

    class Freed(Aggregate.Event):
        pass

    @staticmethod
    def create_id(booking: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"seat {booking}")

    @event(Held)
    def __init__(self, booking: str, name: str, price: int) -> None:
        self.held = True

    @event(Freed)
    def free(self) -> None:
        self.held = False


class Options(Aggregate):
    """All seats that are kept for guests who have not decided yet; there is one such list."""

    class Opened(Aggregate.Created):
        pass

    @staticmethod
    def create_id() -> UUID:
        return uuid5(NAMESPACE_URL, "options")

    class Kept(Aggregate.Event):
        option: str
        until: datetime

    class Released(Aggregate.Event):
        options: tuple[str, ...]

    @event(Opened)
    def __init__(self) -> None:
        self.kept: dict[str, datetime] = {}

    @event(Kept)
    def keep(self, option: str, until: datetime) -> None:
        self.kept[option] = until

    def release(self, at: datetime) -> None:
        self._release(tuple(sorted(each for each, until in self.kept.items() if until <= at)))

    @event(Released)
    def _release(self, options: tuple[str, ...]) -> None:
        for each in options:
            del self.kept[each]


class Flights(Application, aggregates=[Seat, Options]):
    @handles(HoldFlight, refuses={FlightFull: Seat.Refused})
    def hold(self, command: HoldFlight) -> Seat:
        if command.name == "night flight":
            raise FlightFull("the night flight is full")
        return Seat(booking=command.booking, name=command.name, price=300)

    @handles(FreeFlight, refuses={AggregateNotFoundError: Seat.Freed})
    def free(self, command: FreeFlight) -> None:
        found: Seat = self.repository.get(Seat.create_id(command.booking))
        found.free()

    def options(self) -> Options:
        try:
            found: Options = self.repository.get(Options.create_id())
        except AggregateNotFoundError:
            found = Options()
        return found

    @handles(KeepOption)
    def keep(self, command: KeepOption) -> Options:
        options = self.options()
        options.keep(command.option, command.until)
        return options

    @handles(ReleaseOptions)
    def release(self, command: ReleaseOptions) -> Options:
        options = self.options()
        options.release(command.at)
        return options
