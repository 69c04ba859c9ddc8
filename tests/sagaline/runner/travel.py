"""Trips, and what is made of them later: parts that are renamed, added and removed."""

from uuid import UUID

from eventsourcing.domain import Aggregate, event
from sqlalchemy import Column, MetaData, Table, Text, Uuid

from sagaline import (
    NO_EFFECT,
    PIVOT,
    Application,
    Command,
    ReadModel,
    Saga,
    System,
    handles,
    project,
    step,
)
from sagaline.application.reactions import reacts_to


class Trip(Aggregate):
    class Opened(Aggregate.Created):
        pass

    class SeatHeld(Aggregate.Event):
        pass

    class SeatReleased(Aggregate.Event):
        pass

    class Paid(Aggregate.Event):
        pass

    class Mailed(Aggregate.Event):
        pass

    @event(Opened)
    def __init__(self, id: UUID) -> None:
        pass


class Points(Aggregate):
    class Given(Aggregate.Created):
        trip_id: UUID

    @event(Given)
    def __init__(self, trip_id: UUID) -> None:
        pass


class TripCommand(Command, key="trip_id"):
    trip_id: UUID


class OpenTrip(TripCommand):
    pass


class HoldSeat(TripCommand):
    pass


class ReleaseSeat(TripCommand):
    pass


class Pay(TripCommand):
    pass


class Mail(TripCommand):
    pass


class GivePoints(TripCommand):
    pass


class Travel(Application):
    """What handles the commands of trips, under whatever name."""

    @handles(OpenTrip)
    def open(self, command: OpenTrip) -> Trip:
        return Trip(id=command.trip_id)

    @handles(HoldSeat)
    def hold(self, command: HoldSeat) -> None:
        self.repository.get(command.trip_id).trigger_event(Trip.SeatHeld)

    @handles(ReleaseSeat)
    def release(self, command: ReleaseSeat) -> None:
        self.repository.get(command.trip_id).trigger_event(Trip.SeatReleased)

    @handles(Pay)
    def pay(self, command: Pay) -> None:
        self.repository.get(command.trip_id).trigger_event(Trip.Paid)

    @handles(Mail)
    def mail(self, command: Mail) -> None:
        self.repository.get(command.trip_id).trigger_event(Trip.Mailed)


class Trips(Travel, aggregates=[Trip]):
    pass


class Journeys(Travel, aggregates=[Trip]):
    """The class of Trips, renamed without a word."""


class RenamedTrips(Travel, aggregates=[Trip], name="Trips"):
    pass


class BookTrip(Saga, starts_on=Trip.Opened, key=lambda event: event.originator_id):
    hold = step(HoldSeat, done=Trip.SeatHeld)
    release = hold.undo(ReleaseSeat, done=Trip.SeatReleased)
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


class TripBooking(Saga, starts_on=Trip.Opened, key=lambda event: event.originator_id):
    """The class of BookTrip, renamed without a word."""

    hold = step(HoldSeat, done=Trip.SeatHeld)
    release = hold.undo(ReleaseSeat, done=Trip.SeatReleased)
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


class RenamedBookTrip(
    Saga, starts_on=Trip.Opened, key=lambda event: event.originator_id, name="BookTrip"
):
    hold = step(HoldSeat, done=Trip.SeatHeld)
    release = hold.undo(ReleaseSeat, done=Trip.SeatReleased)
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


class SendMail(Saga, starts_on=Trip.Opened, key=lambda event: event.originator_id):
    mail = step(Mail, done=Trip.Mailed, kind=NO_EFFECT)


class SendMailFromNow(
    Saga,
    starts_on=Trip.Opened,
    key=lambda event: event.originator_id,
    name="SendMail",
    begin="now",
):
    mail = step(Mail, done=Trip.Mailed, kind=NO_EFFECT)


class SendMailToAll(
    Saga,
    starts_on=Trip.Opened,
    key=lambda event: event.originator_id,
    name="SendMail",
    begin="beginning",
):
    mail = step(Mail, done=Trip.Mailed, kind=NO_EFFECT)


class PointsGiven(Application):
    """What gives points for each trip that is paid."""

    @reacts_to(Trip.Opened)
    def trip_opened(self, opened: Trip.Opened) -> GivePoints:
        return GivePoints(trip_id=opened.originator_id)

    @handles(GivePoints)
    def give(self, command: GivePoints) -> Points:
        return Points(trip_id=command.trip_id)


class Loyalty(PointsGiven, aggregates=[Points]):
    pass


class LoyaltyFromNow(PointsGiven, aggregates=[Points], name="Loyalty", begin="now"):
    pass


class LoyaltyForAll(PointsGiven, aggregates=[Points], name="Loyalty", begin="beginning"):
    pass


welcomed: list[UUID] = []
"""The trips of which somebody was told."""


class Welcomes(ReadModel):
    table = Table(
        "welcomes", MetaData(), Column("trip_id", Uuid, primary_key=True), Column("x", Text)
    )

    @project(Trip.Opened)
    def opened(self, event: Trip.Opened) -> None:
        self.rows[event.originator_id] = {"x": ""}
        if not self.rebuilding:
            welcomed.append(event.originator_id)


def system(*parts: type, removed: tuple[str, ...] = ()) -> System:
    """A system of Trips, or of what is given in its place, and of other parts."""
    applications = [each for each in parts if issubclass(each, Application)]
    if not any(issubclass(each, Travel) for each in applications):
        applications.insert(0, Trips)
    return System(
        "travel",
        applications=applications,
        sagas=[each for each in parts if issubclass(each, Saga)],
        read_models=[each for each in parts if issubclass(each, ReadModel)],
        removed=removed,
    )
