"""A holiday that is booked by a saga, with a saga of its own for each journey in it."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    PIVOT,
    RETRIABLE,
    Application,
    Command,
    Saga,
    System,
    handles,
    minutes,
    on_compensated,
    step,
    step_for_each,
)


class Holiday(Aggregate):
    """A holiday of one traveller."""

    class Planned(Aggregate.Created):
        traveller: str
        journeys: tuple[str, ...]
        price: int

    class Confirmed(Aggregate.Event):
        journeys: tuple[str, ...]

    class CalledOff(Aggregate.Event):
        reason: str

    @staticmethod
    def create_id(traveller: str) -> UUID:
        return uuid5(NAMESPACE_URL, traveller)

    @event(Planned)
    def __init__(self, traveller: str, journeys: tuple[str, ...], price: int) -> None:
        self.traveller = traveller

    @event(Confirmed)
    def confirm(self, journeys: tuple[str, ...]) -> None:
        pass

    @event(CalledOff)
    def call_off(self, reason: str) -> None:
        pass


class Payment(Aggregate):
    """What was paid for a holiday."""

    class Taken(Aggregate.Created):
        traveller: str

    class Declined(Aggregate.Created):
        traveller: str

    class Returned(Aggregate.Created):
        traveller: str


class Place(Aggregate):
    """A seat, or a bed, of one journey."""

    class Held(Aggregate.Created):
        journey: str

    class Full(Aggregate.Created):
        journey: str
        reason: str

    class Freed(Aggregate.Created):
        journey: str

    class Ticketed(Aggregate.Created):
        journey: str

    class TicketReturned(Aggregate.Created):
        journey: str


class PlanHoliday(Command, key="traveller"):
    traveller: str
    journeys: tuple[str, ...]
    price: int


class Pay(Command, key="traveller"):
    traveller: str
    price: int


class PayBack(Command, key="traveller"):
    traveller: str


class Confirm(Command, key="traveller"):
    traveller: str
    journeys: tuple[str, ...]


class CallOff(Command, key="traveller"):
    traveller: str
    reason: str


class BookJourney(Command, key="journey"):
    """Starts a saga of its own."""

    journey: str


class HoldPlace(Command, key="journey"):
    journey: str


class FreePlace(Command, key="journey"):
    journey: str


class PrintTicket(Command, key="journey"):
    journey: str


class ReturnTicket(Command, key="journey"):
    journey: str


class Holidays(Application, aggregates=[Holiday, Payment]):
    """Plans holidays, and takes the money."""

    @handles(PlanHoliday)
    def plan(self, command: PlanHoliday) -> Holiday:
        return Holiday(traveller=command.traveller, journeys=command.journeys, price=command.price)

    @handles(Confirm)
    def confirm(self, command: Confirm) -> None:
        holiday: Holiday = self.repository.get(Holiday.create_id(command.traveller))
        holiday.confirm(command.journeys)

    @handles(CallOff)
    def call_off(self, command: CallOff) -> None:
        holiday: Holiday = self.repository.get(Holiday.create_id(command.traveller))
        holiday.call_off(command.reason)

    @handles(Pay)
    def pay(self, command: Pay) -> Payment:
        kind = Payment.Taken if command.price < 1_000 else Payment.Declined
        return Payment._create(kind, id=command.id, traveller=command.traveller)

    @handles(PayBack)
    def pay_back(self, command: PayBack) -> Payment:
        return Payment._create(Payment.Returned, id=command.id, traveller=command.traveller)


class Railway(Application, aggregates=[Place]):
    """Holds places, but never one on the night train; the slow train never answers."""

    @handles(HoldPlace)
    def hold(self, command: HoldPlace) -> Place | None:
        if command.journey.startswith("slow"):
            return None
        if command.journey.startswith("night"):
            reason = f"the {command.journey} is full"
            return Place._create(Place.Full, id=command.id, journey=command.journey, reason=reason)
        return Place._create(Place.Held, id=command.id, journey=command.journey)

    @handles(FreePlace)
    def free(self, command: FreePlace) -> Place:
        return Place._create(Place.Freed, id=command.id, journey=command.journey)

    @handles(PrintTicket)
    def print(self, command: PrintTicket) -> Place:
        return Place._create(Place.Ticketed, id=command.id, journey=command.journey)

    @handles(ReturnTicket)
    def take_ticket(self, command: ReturnTicket) -> Place:
        return Place._create(Place.TicketReturned, id=command.id, journey=command.journey)


def journey_of(command: BookJourney) -> str:
    return command.journey


def traveller_of(planned: Holiday.Planned) -> str:
    return planned.traveller


class JourneyBooking(Saga, starts_on=BookJourney, key=journey_of):
    """One journey: a place is held, then there is a ticket, which can be returned."""

    @step(done=Place.Held, refused=Place.Full, within=minutes(5))
    def hold(self) -> HoldPlace:
        return HoldPlace(journey=self.key)

    @hold.undo(done=Place.Freed)
    def free(self) -> FreePlace:
        return FreePlace(journey=self.key)

    @step(done=Place.Ticketed, kind=PIVOT)
    def print_ticket(self) -> PrintTicket:
        return PrintTicket(journey=self.key)

    @print_ticket.undo(done=Place.TicketReturned)
    def return_ticket(self) -> ReturnTicket:
        return ReturnTicket(journey=self.key)


class HolidayBooking(Saga, starts_on=Holiday.Planned, key=traveller_of):
    """A holiday: all journeys, and then the money, or nothing."""

    @step_for_each(lambda saga: saga[Holiday.Planned].journeys, done=JourneyBooking)
    def book(self, journey: str) -> BookJourney:
        return BookJourney(journey=journey)

    @step(done=Payment.Taken, refused=Payment.Declined, kind=PIVOT)
    def pay(self) -> Pay:
        return Pay(traveller=self.key, price=self[Holiday.Planned].price)

    @step(done=Holiday.Confirmed, kind=RETRIABLE)
    def confirm(self) -> Confirm:
        return Confirm(traveller=self.key, journeys=tuple(each for each, _ in self.book.done))

    @on_compensated
    def call_off(self) -> CallOff:
        return CallOff(traveller=self.key, reason=self.reason)


class StrictBooking(Saga, starts_on=Holiday.Planned, key=traveller_of, when_abandoned="take back"):
    """A holiday whose journeys are taken back when a person abandons it."""

    @step_for_each(lambda saga: saga[Holiday.Planned].journeys, done=JourneyBooking, at_once=1)
    def book(self, journey: str) -> BookJourney:
        return BookJourney(journey=journey)

    @step(done=Payment.Taken, refused=Payment.Declined, kind=PIVOT)
    def pay(self) -> Pay:
        return Pay(traveller=self.key, price=self[Holiday.Planned].price)


strict_holidays = System(
    "strict holidays", applications=[Holidays, Railway], sagas=[StrictBooking, JourneyBooking]
)
holidays = System(
    "holidays", applications=[Holidays, Railway], sagas=[HolidayBooking, JourneyBooking]
)
