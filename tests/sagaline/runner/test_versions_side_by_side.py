"""Instances of two definitions of one saga run side by side."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from sagaline import Command, Runner, Saga, State, System
from sagaline.application.saga_process import SagaProcess
from sagaline.errors import SagasIncompatible, SignalTooLate
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Operator
from tests.sagaline.bank import query
from tests.sagaline.journeys import (
    BEFORE,
    BESIDE,
    LOCKED_BEFORE,
    LOCKED_BESIDE,
    TOUR_BEFORE,
    TOUR_BESIDE,
    WITHOUT,
    Agree,
    Confirm,
    Travel,
    Want,
    loaded,
)
from tests.sagaline.small_system import Clock, env

OLD, NEW, QUEUED = (UUID(int=n) for n in (1, 2, 3))


class Deployed:
    """A runner of one deployment's code."""

    def __init__(self, runner: Runner, saga: type[Saga]) -> None:
        self.runner = runner
        self.saga = saga

    @property
    def process(self) -> SagaProcess:
        return cast("SagaProcess", self.runner.apps["Book"])

    def want(self, trip: UUID) -> None:
        self.runner.get(Travel).want(Want(trip_id=trip))
        self.runner.settle(horizon=0)

    def tell(self, command: Command) -> None:
        self.runner.signal(command)
        self.runner.settle(horizon=0)

    def journal(self, trip: UUID) -> Journal:
        found = self.process._sagaline.journal_of(str(trip))  # type: ignore[attr-defined]  # of sagas
        assert isinstance(found, Journal)
        return found

    def state(self, trip: UUID) -> State:
        with self.runner.views.read() as connection:
            where = f"SELECT state FROM saga_list WHERE key = '{trip}'"
            return State(connection.exec_driver_sql(where).scalar_one())

    def recorded(self, trip: UUID) -> list[str]:
        return [type(each).__name__ for each in self.runner.get(Travel).events.get(trip)]


Deploy = Callable[[str], AbstractContextManager[Deployed]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deploy(tmp_path: Path, store_url: str, clock: Clock) -> Deploy:
    """Runs a deployment's code on the store."""

    @contextmanager
    def run(code: str) -> Iterator[Deployed]:
        module = loaded(tmp_path, code)
        system: System = module.system
        with Runner(system, env(store_url), now=clock) as runner:
            yield Deployed(runner, module.Book)

    return run


@pytest.fixture
def begun(deploy: Deploy) -> Deploy:
    """The same, where one instance was begun by the former definition."""
    with deploy(BEFORE) as before:
        before.want(OLD)
        assert list(before.journal(OLD).steps) == ["hold", "agree"]
    return deploy


def test_each_instance_goes_on_by_the_definition_that_began_it(begun: Deploy) -> None:
    with begun(BESIDE) as beside:
        beside.want(NEW)
        assert list(beside.journal(NEW).steps) == ["check", "hold", "confirm"]
        beside.tell(Agree(trip_id=OLD))
        beside.tell(Confirm(trip_id=NEW))
        assert beside.recorded(OLD) == ["Wanted", "SeatHeld", "Paid"]
        assert beside.recorded(NEW) == ["Wanted", "Checked", "SeatHeld", "Paid"]
        assert [beside.state(each) for each in (OLD, NEW)] == [State.COMPLETED] * 2


def test_an_operator_compensates_each_by_its_own_definition(begun: Deploy) -> None:
    with begun(BESIDE) as beside:
        beside.want(NEW)
        for each in (OLD, NEW):
            beside.process.intervene(str(each), lambda saga: saga.cancel(Operator("Eve", "rain")))
        beside.runner.settle()
        assert beside.recorded(OLD) == ["Wanted", "SeatHeld", "SeatReleased"]
        assert beside.recorded(NEW) == ["Wanted", "Checked", "SeatHeld", "SeatReleased"]
        assert [beside.state(each) for each in (OLD, NEW)] == [State.COMPENSATED] * 2


def test_each_answers_queries_and_hears_signals_of_its_own_definition(begun: Deploy) -> None:
    with begun(BESIDE) as beside:
        beside.want(NEW)
        wants = beside.saga.wants  # type: ignore[attr-defined]  # its own method
        assert beside.runner.query(beside.saga, OLD, wants) == "an agreement"
        assert beside.runner.query(beside.saga, NEW, wants) == "a confirmation"
        with pytest.raises(SignalTooLate, match="its definition, BookBefore, has no such signal"):
            beside.runner.signal(Confirm(trip_id=OLD))
        with pytest.raises(SignalTooLate, match="its definition, Book, has no such signal"):
            beside.runner.signal(Agree(trip_id=NEW))


def test_without_its_definition_an_instance_is_refused_before_and_after(begun: Deploy) -> None:
    why = "it has requested hold, which now waits for check"
    with pytest.raises(SagasIncompatible, match=why), begun(WITHOUT):
        pass
    with begun(BESIDE) as beside:
        beside.want(NEW)
    with pytest.raises(SagasIncompatible, match=why), begun(WITHOUT):
        pass
    with begun(BESIDE) as beside:
        beside.tell(Agree(trip_id=OLD))
    with begun(WITHOUT) as without:
        without.tell(Confirm(trip_id=NEW))
        assert without.recorded(NEW) == ["Wanted", "Checked", "SeatHeld", "Paid"]


def test_an_instance_that_another_definition_has_led_meanwhile_is_held_against_it(
    begun: Deploy,
) -> None:
    waits = "pay = wait_for(done=Confirm)"
    changed = BEFORE.replace("pay = step(Pay, done=Trip.Paid, kind=PIVOT)", waits)
    with begun(changed) as between:
        between.tell(Agree(trip_id=OLD))
        assert list(between.journal(OLD).steps) == ["hold", "agree", "pay"]
    with (
        pytest.raises(SagasIncompatible, match="it has requested pay, and pay was"),
        begun(BESIDE),
    ):
        pass


def test_the_fingerprint_of_a_former_class_is_that_of_the_class_as_it_was(
    tmp_path: Path,
) -> None:
    before, beside = loaded(tmp_path, BEFORE), loaded(tmp_path, BESIDE)
    fingerprint = before.Book._sagaline_declaration.fingerprint
    assert beside.BookBefore._sagaline_declaration.fingerprint == fingerprint
    assert beside.Book._sagaline_declaration.fingerprint != fingerprint


def test_the_list_of_sagas_has_both_under_one_name(begun: Deploy, store_url: str) -> None:
    with begun(BESIDE) as beside:
        beside.want(NEW)
    rows = query(store_url, "SELECT name, remaining FROM saga_list ORDER BY key")
    assert [tuple(each) for each in rows] == [("Book", "agree, pay"), ("Book", "confirm, pay")]


def test_a_timer_that_a_former_definition_has_set_fires_in_it(begun: Deploy, clock: Clock) -> None:
    clock.turn(timedelta(hours=49))
    with begun(BESIDE) as beside:
        beside.runner.settle()
        assert beside.journal(OLD).reason == "agree: no answer within 2 days"
        assert beside.recorded(OLD) == ["Wanted", "SeatHeld", "SeatReleased"]


def test_an_instance_that_waits_for_a_lock_starts_by_its_own_definition(deploy: Deploy) -> None:
    with deploy(LOCKED_BEFORE) as before:
        before.want(OLD)
        before.want(QUEUED)
        assert list(before.journal(QUEUED).steps) == []
    with deploy(LOCKED_BESIDE) as beside:
        beside.want(NEW)
        assert list(beside.journal(NEW).steps) == ["check", "hold", "confirm"]
        beside.tell(Agree(trip_id=OLD))
        assert list(beside.journal(QUEUED).steps) == ["hold", "agree"]


def test_a_child_of_a_former_definition_answers_its_parent(deploy: Deploy) -> None:
    with deploy(TOUR_BEFORE) as before:
        before.want(OLD)
    with deploy(TOUR_BESIDE) as beside:
        beside.want(NEW)
        beside.tell(Agree(trip_id=OLD))
        beside.tell(Confirm(trip_id=NEW))
        assert beside.recorded(OLD) == ["Wanted", "SeatHeld", "Paid"]
        assert beside.recorded(NEW) == ["Wanted", "Checked", "SeatHeld", "Paid"]


def test_a_child_of_a_former_definition_is_taken_back_by_its_undos(deploy: Deploy) -> None:
    with deploy(TOUR_BEFORE) as before:
        before.want(OLD)
    with deploy(TOUR_BESIDE) as beside:
        tour = cast("SagaProcess", beside.runner.apps["Tour"])
        tour.intervene(str(OLD), lambda saga: saga.cancel(Operator("Eve", "rain")))
        beside.runner.settle()
        assert beside.recorded(OLD) == ["Wanted", "SeatHeld", "SeatReleased"]
        assert beside.journal(OLD).state is State.COMPENSATED
