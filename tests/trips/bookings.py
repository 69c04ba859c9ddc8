"""Trips, and what they are made of: each part is booked or refused once, and perhaps cancelled."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event


class Trip(Aggregate):
    """What somebody wants: a flight, a hotel and a car, and perhaps an insurance."""

    class Wanted(Aggregate.Created):
        traveller: str
        age: int
        to: str
        nights: int
        insured: bool

    class Confirmed(Aggregate.Event):
        seat: int

    class Cancelled(Aggregate.Event):
        reason: str

    @event(Wanted)
    def __init__(
        self, id: UUID, traveller: str, age: int, to: str, nights: int, insured: bool
    ) -> None:
        self.open = True

    @event(Confirmed)
    def confirm(self, seat: int) -> None:
        self.open = False

    @event(Cancelled)
    def cancel(self, reason: str) -> None:
        self.open = False


class Plane(Aggregate):
    """All seats to one place: what trips compete for."""

    class Scheduled(Aggregate.Created):
        to: str
        seats: int

    class Taken(Aggregate.Event):
        pass

    class GivenBack(Aggregate.Event):
        pass

    @event(Scheduled)
    def __init__(self, to: str, seats: int) -> None:
        self.left = seats

    @staticmethod
    def create_id(to: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"plane:{to}")

    @event(Taken)
    def take(self) -> None:
        self.left -= 1

    @event(GivenBack)
    def give_back(self) -> None:
        self.left += 1


class Flight(Aggregate):
    """A seat for one trip."""

    class Asked(Aggregate.Created):
        trip_id: UUID
        to: str

    class Booked(Aggregate.Event):
        seat: int

    class Refused(Aggregate.Event):
        reason: str

    class Cancelled(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, trip_id: UUID, to: str) -> None:
        self.booked = self.cancelled = False

    @staticmethod
    def create_id(trip_id: UUID) -> UUID:
        return uuid5(trip_id, "flight")

    @event(Booked)
    def book(self, seat: int) -> None:
        self.booked = True

    @event(Refused)
    def refuse(self, reason: str) -> None:
        self.booked = False

    @event(Cancelled)
    def cancel(self) -> None:
        self.booked, self.cancelled = False, True


class Room(Aggregate):
    """A room for one trip."""

    class Asked(Aggregate.Created):
        trip_id: UUID

    class Booked(Aggregate.Event):
        pass

    class Refused(Aggregate.Event):
        reason: str

    class Cancelled(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, trip_id: UUID) -> None:
        self.cancelled = False

    @staticmethod
    def create_id(trip_id: UUID) -> UUID:
        return uuid5(trip_id, "room")

    @event(Booked)
    def book(self) -> None:
        self.cancelled = False

    @event(Refused)
    def refuse(self, reason: str) -> None:
        self.cancelled = False

    @event(Cancelled)
    def cancel(self) -> None:
        self.cancelled = True


class Car(Aggregate):
    """A car for one trip."""

    class Asked(Aggregate.Created):
        trip_id: UUID

    class Rented(Aggregate.Event):
        pass

    class Refused(Aggregate.Event):
        reason: str

    class Returned(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, trip_id: UUID) -> None:
        self.cancelled = False

    @staticmethod
    def create_id(trip_id: UUID) -> UUID:
        return uuid5(trip_id, "car")

    @event(Rented)
    def rent(self) -> None:
        self.cancelled = False

    @event(Refused)
    def refuse(self, reason: str) -> None:
        self.cancelled = False

    @event(Returned)
    def cancel(self) -> None:
        self.cancelled = True


class Policy(Aggregate):
    """An insurance for one trip."""

    class Asked(Aggregate.Created):
        trip_id: UUID

    class Issued(Aggregate.Event):
        pass

    class Withdrawn(Aggregate.Event):
        pass

    @event(Asked)
    def __init__(self, trip_id: UUID) -> None:
        self.cancelled = False

    @staticmethod
    def create_id(trip_id: UUID) -> UUID:
        return uuid5(trip_id, "policy")

    @event(Issued)
    def issue(self) -> None:
        self.cancelled = False

    @event(Withdrawn)
    def cancel(self) -> None:
        self.cancelled = True


class Bill(Aggregate):
    """The money for one trip: taken once, or not at all."""

    class Made(Aggregate.Created):
        trip_id: UUID

    class Paid(Aggregate.Event):
        pass

    class Declined(Aggregate.Event):
        reason: str

    @event(Made)
    def __init__(self, trip_id: UUID) -> None:
        self.paid = False

    @staticmethod
    def create_id(trip_id: UUID) -> UUID:
        return uuid5(trip_id, "bill")

    @event(Paid)
    def pay(self) -> None:
        self.paid = True

    @event(Declined)
    def decline(self, reason: str) -> None:
        self.paid = False
