"""A small trip, with the commands to open it, to hold its seat and to pay for it."""

from uuid import UUID

from eventsourcing.domain import Aggregate, event

from sagaline import Command


class Trip(Aggregate):
    class Opened(Aggregate.Created): ...

    class SeatHeld(Aggregate.Event): ...

    class SeatReleased(Aggregate.Event): ...

    class Paid(Aggregate.Event):
        words: str

    @event(Opened)
    def __init__(self, id: UUID) -> None:
        self.paid = 0

    @event(SeatHeld)
    def hold(self) -> None: ...

    @event(SeatReleased)
    def release(self) -> None: ...

    @event(Paid)
    def pay(self, words: str = "") -> None:
        self.paid += 1


class OpenTrip(Command, key="trip_id"):
    trip_id: UUID


class HoldSeat(Command, key="trip_id"):
    trip_id: UUID


class ReleaseSeat(Command, key="trip_id"):
    trip_id: UUID


class Pay(Command, key="trip_id"):
    trip_id: UUID
