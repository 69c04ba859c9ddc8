"""Holidays in a running system, on both databases: sagas that are steps of another saga."""

from collections import Counter

import pytest
from sqlalchemy import select

from sagaline import DefinitionError, Runner, Saga, State, System, step, timeline
from sagaline.application.message_handling import handling_of
from sagaline.application.saga_handling import SagaHandling
from sagaline.application.saga_process import SagaProcess
from sagaline.saga.interventions import Operator
from sagaline.system.saga_list import saga_list
from tests.sagas.holiday import (
    BookJourney,
    HoldPlace,
    Holiday,
    HolidayBooking,
    Holidays,
    JourneyBooking,
    PlanHoliday,
    Railway,
    StrictBooking,
    holidays,
    strict_holidays,
    traveller_of,
)


def run(store_url: str) -> Runner:
    return Runner(holidays, {"SQLALCHEMY_URL": store_url})


def plan(runner: Runner, *journeys: str, price: int = 100, traveller: str = "Ada") -> None:
    command = PlanHoliday(traveller=traveller, journeys=journeys, price=price)
    runner.get(Holidays).execute_one(command)
    runner.settle(20, horizon=1)


def process(runner: Runner, saga: type[Saga]) -> SagaProcess:
    found = runner.apps[saga.__name__]
    assert isinstance(found, SagaProcess)
    return found


def state(runner: Runner, saga: type[Saga], key: str) -> State:
    handling = handling_of(process(runner, saga))
    assert isinstance(handling, SagaHandling)
    with handling.working(handling.new_unit()):
        journal = handling.journal_of(key)
    assert journal is not None
    return journal.state


def happened(runner: Runner) -> Counter[str]:
    log = runner.get(Railway)
    stored = log.recorder.select_notifications(1, 1_000)
    return Counter(type(log.mapper.to_domain_event(each)).__name__ for each in stored)


def test_a_parent_completes_with_its_children(store_url: str) -> None:
    with run(store_url) as runner:
        plan(runner, "Rome", "Bern")
        assert state(runner, HolidayBooking, "Ada") is State.COMPLETED
        assert state(runner, JourneyBooking, "Rome") is State.COMPLETED
        assert happened(runner) == {"Held": 2, "Ticketed": 2}


def test_a_child_that_fails_takes_its_completed_sisters_back(store_url: str) -> None:
    with run(store_url) as runner:
        plan(runner, "Rome", "night train", "Bern")
        assert state(runner, HolidayBooking, "Ada") is State.COMPENSATED
        assert state(runner, JourneyBooking, "Rome") is State.COMPENSATED
        assert state(runner, JourneyBooking, "night train") is State.COMPENSATED
        found = happened(runner)
        assert found["Held"] == found["Freed"] == 2
        assert found["Ticketed"] == found["TicketReturned"]


def test_completed_children_are_taken_back_when_the_parent_turns_round(store_url: str) -> None:
    with run(store_url) as runner:
        plan(runner, "Rome", "Bern", price=5_000)
        assert state(runner, HolidayBooking, "Ada") is State.COMPENSATED
        assert happened(runner) == {"Held": 2, "Ticketed": 2, "TicketReturned": 2, "Freed": 2}
        with runner.views.read() as connection:
            rows = connection.execute(select(saga_list.c.key, saga_list.c.state)).all()
        assert {(key, state) for key, state in rows} == {
            ("Ada", "compensated"),
            ("Bern", "compensated"),
            ("Rome", "compensated"),
        }


def test_a_child_key_that_is_in_use_is_a_refusal(store_url: str) -> None:
    with run(store_url) as runner:
        plan(runner, "Rome")
        plan(runner, "Rome", traveller="Bob")
        assert state(runner, HolidayBooking, "Bob") is State.COMPENSATED
        assert state(runner, JourneyBooking, "Rome") is State.COMPLETED
        assert happened(runner) == {"Held": 1, "Ticketed": 1}


def test_cancel_runs_down_to_the_children(store_url: str) -> None:
    with run(store_url) as runner:
        plan(runner, "slow train", "Rome")
        assert state(runner, HolidayBooking, "Ada") is State.RUNNING
        process(runner, HolidayBooking).intervene("Ada", lambda saga: saga.cancel(Operator("Eve")))
        runner.settle(20, horizon=1)
        assert state(runner, HolidayBooking, "Ada") is State.COMPENSATED
        assert state(runner, JourneyBooking, "slow train") is State.COMPENSATED
        assert state(runner, JourneyBooking, "Rome") is State.COMPENSATED
        assert happened(runner)["Freed"] == 2


@pytest.mark.parametrize(
    ("saga", "end"), [(HolidayBooking, State.RUNNING), (StrictBooking, State.COMPENSATED)]
)
def test_children_of_an_abandoned_parent_do_what_it_declares(
    saga: type[Saga], end: State, store_url: str
) -> None:
    system = holidays if saga is HolidayBooking else strict_holidays
    with Runner(system, {"SQLALCHEMY_URL": store_url}) as runner:
        plan(runner, "slow train")
        process(runner, saga).intervene("Ada", lambda found: found.abandon(Operator("Eve", "ill")))
        runner.settle(20, horizon=1)
        assert state(runner, saga, "Ada") is State.ABANDONED
        assert state(runner, JourneyBooking, "slow train") is end


def test_a_saga_is_started_by_a_command_of_a_caller_once(store_url: str) -> None:
    with run(store_url) as runner:
        command = BookJourney(journey="Rome")
        first = process(runner, JourneyBooking).execute_one(command)
        assert process(runner, JourneyBooking).execute_one(command).duplicate
        assert first.position is not None
        runner.settle(20, horizon=1)
        assert state(runner, JourneyBooking, "Rome") is State.COMPLETED
        assert happened(runner) == {"Held": 1, "Ticketed": 1}


def test_the_timeline_of_a_parent_has_its_children(store_url: str) -> None:
    with run(store_url) as runner:
        plan(runner, "Rome", "Bern")
        found = timeline(runner.apps, "Ada")
        assert {each.key for each in found} == {"Ada", "Rome", "Bern"}
        assert [each.hop for each in found] == sorted(each.hop for each in found)


def test_a_saga_that_is_no_part_of_the_system_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"HolidayBooking\.book: JourneyBooking is no other"):
        System("alone", applications=[Holidays, Railway], sagas=[HolidayBooking])


def test_a_command_that_does_not_start_the_child_is_refused() -> None:
    with pytest.raises(DefinitionError, match="HoldPlace does not start JourneyBooking"):

        class Wrong(Saga, starts_on=Holiday.Planned, key=traveller_of):
            @step(done=JourneyBooking)
            def book(self) -> HoldPlace:
                return HoldPlace(journey="Rome")
