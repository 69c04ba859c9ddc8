"""What notices mutants of the engine: a fault matrix, or a story of which one rule says the end."""

from contextlib import suppress
from tempfile import TemporaryDirectory

from sagaline import Retry, Runner, State, StoreUnusable, System, minutes
from sagaline.errors import DefinitionError, InterventionRefused
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import PIVOT, Saga, step
from sagaline.saga.interventions import Interventions
from sagaline.testing import Operator, Scenario, fault_matrix, given, happened
from tests.sagas.approval import Approval
from tests.sagas.holiday import Holidays, PlanHoliday, Railway, holidays
from tests.sagas.insurance import insured
from tests.sagas.party import SMALL, GiveParty
from tests.sagas.picnic import AllDishes, Picnic, WithAlternatives
from tests.sagas.trip import (
    ALL_BOOKED,
    FLIGHT,
    VISA,
    WANTED,
    BookFlight,
    BookHotel,
    BookTrip,
    CancelFlight,
    CancelHotel,
    CarKept,
    CarRented,
    CarReturned,
    CheckVisa,
    FlightBooked,
    FlightCancelled,
    FlightFull,
    HotelBooked,
    HotelCancelled,
    HotelFull,
    HotelKept,
    PayTrip,
    RentCar,
    ReturnCar,
    Trip,
    TripNotPaid,
    TripPaid,
    VisaFound,
    VisaMissing,
)

DISHES = happened(Picnic.Planned, host="Ada", dishes=("soup", "cake", "pie"))


def traveller_of(wanted: Trip.Wanted) -> str:
    return wanted.traveller


def trip() -> None:
    fault_matrix(BookTrip)


class ShortTrip(Saga, starts_on=Trip.Wanted, key=traveller_of):
    """A hotel and a car, whose undos may be refused; and the bill."""

    book_hotel = step(BookHotel, done=HotelBooked, refused=HotelFull)
    cancel_hotel = book_hotel.undo(CancelHotel, done=HotelCancelled, refused=HotelKept)
    rent_car = step(RentCar, done=CarRented)
    return_car = rent_car.undo(ReturnCar, done=CarReturned, refused=CarKept)
    pay_trip = step(
        PayTrip,
        done=TripPaid,
        refused=TripNotPaid,
        kind=PIVOT,
        within=minutes(5),
        retry=Retry(2),
    )


def short_trip() -> None:
    fault_matrix(ShortTrip)


def party() -> None:
    fault_matrix(GiveParty, start=SMALL)


def two_sagas() -> None:
    fault_matrix(insured, stories=30)


def items() -> None:
    fault_matrix(AllDishes, start=DISHES)


def alternatives() -> None:
    fault_matrix(WithAlternatives, start=DISHES)


def family() -> None:
    fault_matrix(holidays, stories=20)


def people() -> None:
    fault_matrix(Approval)


def step_without_undo() -> None:
    with suppress(DefinitionError):

        class Careless(Saga, starts_on=Trip.Wanted, key=traveller_of):
            book_flight = step(BookFlight, done=FlightBooked)
            pay_trip = step(PayTrip, done=TripPaid, refused=TripNotPaid, kind=PIVOT)

        fault_matrix(Careless)


def undo_after_the_pivot() -> None:
    with suppress(DefinitionError):

        class PaidFirst(Saga, starts_on=Trip.Wanted, key=traveller_of):
            pay_trip = step(PayTrip, done=TripPaid, kind=PIVOT)
            rent_car = step(RentCar, done=CarRented, refused=FlightFull)
            return_car = rent_car.undo(ReturnCar, done=CarReturned)

        fault_matrix(PaidFirst)


def limit_over_attempts() -> None:
    with Scenario(BookTrip) as story:
        story.when_asked_for("book_flight").faults().is_silent()
        story.happens(WANTED).pass_time(minutes=5).then_ends(State.COMPENSATED)


def early_answer() -> None:
    story = given(BookTrip, WANTED, VISA).when(HotelBooked).when(FLIGHT)
    story.then(RentCar(traveller="Ada"))


def late_success() -> None:
    story = given(BookTrip, WANTED, VISA).when_time_runs_out("book_flight")
    story.when(FLIGHT).then_nothing().when(FlightCancelled).then_ends(State.COMPENSATED)


def two_starts() -> None:
    given(BookTrip, WANTED).when(WANTED).then_nothing()


def cancel(saga: Interventions) -> None:
    saga.cancel(Operator("Eve"))


def cancel_before_the_pivot() -> None:
    story = given(BookTrip, WANTED, VISA).when_operator(cancel)
    story.then(CancelFlight(traveller="Ada", seat="any"))


def cancel_at_the_pivot() -> None:
    story = given(BookTrip, *ALL_BOOKED)
    with suppress(InterventionRefused):
        story.when_operator(cancel)
        raise AssertionError("a saga was cancelled that may have been paid")


class VisaAlone(Saga, starts_on=Trip.Wanted, key=traveller_of):
    """A trip of which nothing but the visa is left."""

    check_visa = step(CheckVisa, done=VisaFound, refused=VisaMissing, kind=PIVOT)


def changed_definition() -> None:
    journal = given(BookTrip, WANTED, VISA).journal
    why_not = incompatibility(VisaAlone, journal, saga_declaration(BookTrip).shape)
    assert why_not is not None, "the saga goes on without what it has requested"


def added_saga() -> None:
    alone = System(holidays.name, applications=[Holidays, Railway])
    with TemporaryDirectory() as folder:
        env = {"SQLALCHEMY_URL": f"sqlite:///{folder}/holidays.db"}
        with Runner(alone, env) as runner:
            plan = PlanHoliday(traveller="Ada", journeys=("Rome",), price=1)
            runner.get(Holidays).execute_one(plan)
        with suppress(StoreUnusable):
            with Runner(holidays, env):
                pass
            raise AssertionError("a saga that was added starts on all that has happened")
