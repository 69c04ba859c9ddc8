"""Former definitions of a saga: which class an instance goes on by."""

from uuid import UUID

from sagaline import NO_EFFECT, PIVOT, Saga, System, Timing, minutes, step, version
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.schedule import schedule
from sagaline.saga.versions import former_versions, recorded_shape, version_for
from sagaline.system.system_diagram import system_diagram
from sagaline.testing import fault_matrix, given, happened
from tests.sagaline.journeys import Check, Hold, Order, Pay, Travel, Trip, trip_of

WANTED = happened(Trip.Wanted, originator_id=UUID(int=1))


class Journey(Saga, starts_on=Trip.Wanted, key=trip_of, name="Book"):
    """The present definition, in a class of another name than its instances were begun by."""

    check = step(Check, done=Trip.Checked, kind=NO_EFFECT)
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


class Book(Saga, starts_on=Trip.Wanted, key=trip_of):
    pay = step(Pay, done=Trip.Paid, kind=PIVOT)


AS_IT_WAS = saga_declaration(Book).fingerprint
Book = version(of=Journey)(Book)  # type: ignore[misc]  # a name that is assigned again


@version(of=Journey)
class First(Saga, starts_on=Trip.Wanted, key=trip_of):
    hold = step(Hold, done=Trip.SeatHeld, kind=NO_EFFECT, within=minutes(5))


def test_a_former_class_that_keeps_its_name_is_found_by_what_its_instances_recorded() -> None:
    assert version_for(Journey, AS_IT_WAS) is Book
    assert version_for(Journey, saga_declaration(Journey).fingerprint) is Journey
    assert version_for(Journey, "of no class") is Journey
    assert former_versions(Journey) == [Book, First]
    assert saga_declaration(Book).name == "Book"


def test_an_instance_that_a_former_definition_has_led_is_held_against_it() -> None:
    journal = given(First, WANTED).journal
    assert list(journal.steps) == ["hold"]
    assert incompatibility(Journey, journal, recorded_shape(Journey)) is None
    assert incompatibility(Journey, journal, saga_declaration(First).shape) is None
    reason = "it has requested hold, which is no longer declared"
    assert incompatibility(Book, journal, recorded_shape(Journey)) == reason


def test_a_system_names_the_present_definition_and_serves_all() -> None:
    timings: dict[type[Saga], dict[str, Timing]]
    timings = {Journey: {"hold": Timing(within=minutes(1))}}
    for sagas in ([Journey], [First, Journey]):
        system = System("trips", applications=[Travel], sagas=sagas, timings=timings)
        assert [each.saga for each in system.processes] == [Journey]
        assert "Hold" in system_diagram(system)


def test_former_definitions_are_tested_as_others() -> None:
    given(First, WANTED).then(Hold(trip_id=UUID(int=1)))
    for each in (Journey, Book, First):
        assert fault_matrix(each, start=WANTED).cases > 10


def test_schedules_may_differ() -> None:
    class Nightly(Saga, starts_on=schedule("0 2 * * *", zone="UTC")):
        pay = step(Pay, done=Trip.Paid, kind=PIVOT)

    @version(of=Nightly)
    class Before(Saga, starts_on=schedule("0 3 * * *", zone="UTC")):
        check = step(Check, done=Trip.Checked, kind=NO_EFFECT)

    assert former_versions(Nightly) == [Before]


def test_a_step_that_names_a_former_definition_starts_the_present_one() -> None:
    class Child(Saga, starts_on=Order, key=trip_of):
        check = step(Check, done=Trip.Checked, kind=NO_EFFECT)

    @version(of=Child)
    class ChildBefore(Saga, starts_on=Order, key=trip_of):
        pay = step(Pay, done=Trip.Paid, kind=PIVOT)

    class Parent(Saga, starts_on=Trip.Wanted, key=trip_of):
        @step(done=ChildBefore, kind=PIVOT)
        def child(self) -> Order:
            return Order(trip_id=self.key)

    system = System("trips", applications=[Travel], sagas=[Parent, Child])
    assert system.leaders_of["Child"] == ["Parent", "Travel"]
