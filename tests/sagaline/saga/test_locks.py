"""Semantic locks: a saga holds names that others wait for, or are refused."""

from collections.abc import Iterator
from contextvars import Context
from typing import Any, cast

import pytest

from sagaline.application.message_handling import handling_of
from sagaline.application.saga_handling import SagaHandling
from sagaline.application.saga_process import process_of
from sagaline.saga.definition import NO_EFFECT, Saga, locks, on_compensated, step
from sagaline.saga.interventions import Operator
from sagaline.saga.state import State
from sagaline.storage.tables.saga_locks import all_lock_requests
from sagaline.testing import happened
from tests.sagaline.application.test_saga_process import NOON, Desk
from tests.sagas.trip import CheckVisa, TellTraveller, Trip, VisaFound, VisaMissing


def passport(traveller: str) -> list[str]:
    """The locks of a party of travellers, whose names are joined by a plus: one passport each."""
    return [f"passport:{each}" for each in reversed(traveller.split("+"))]


class Visit(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """A saga that waits for its locks."""

    @locks
    def passports(self) -> list[str]:
        return passport(self.key.partition(" ")[0])

    @step(done=VisaFound, refused=VisaMissing, kind=NO_EFFECT)
    def check_visa(self) -> CheckVisa:
        return CheckVisa(traveller=self.key)


class Hurry(Saga, starts_on=Trip.Wanted, key=lambda event: event.traveller):
    """A saga that does not wait for its locks."""

    @locks(wait=False)
    def passports(self) -> list[str]:
        return passport(self.key.partition(" ")[0])

    @step(done=VisaFound, refused=VisaMissing, kind=NO_EFFECT)
    def check_visa(self) -> CheckVisa:
        return CheckVisa(traveller=self.key)

    @on_compensated
    def tell(self) -> TellTraveller:
        return TellTraveller(traveller=self.key, reason=self.reason)


def opened(saga: type[Saga], url: str, takes_locks: bool = True) -> Iterator[Desk]:
    desk = Desk(process_of(saga, {}, takes_locks), url)
    yield desk
    desk.process.close()


@pytest.fixture
def visits(store_url: str) -> Iterator[Desk]:
    yield from opened(Visit, store_url)


@pytest.fixture
def hurries(store_url: str) -> Iterator[Desk]:
    yield from opened(Hurry, store_url)


def want(desk: Desk, *travellers: str) -> None:
    """Starts a saga for each traveller in one batch, and fires the timers of their locks."""
    desk.take(*(desk.message(happened(Trip.Wanted, traveller=each), each) for each in travellers))
    desk.fire(NOON)


def end(desk: Desk, traveller: str, **answer: Any) -> None:
    """Ends the saga of a traveller, and fires the timers of the sagas that waited for its locks."""
    event = happened(VisaMissing, **answer) if answer else happened(VisaFound, number="V1")
    desk.hear(event, key=traveller)
    desk.fire(NOON)


def started(desk: Desk, *travellers: str) -> list[str]:
    """The travellers whose sagas have requested their first step."""
    return [each for each in travellers if desk.journal(each).steps]


def queues(desk: Desk) -> dict[str, list[str]]:
    with desk.process.datastore.read() as connection:
        found: dict[str, list[str]] = {}
        for each in all_lock_requests(connection):
            found.setdefault(each.name, []).append(each.key)
    return found


def test_a_saga_waits_for_a_held_lock_and_then_runs(visits: Desk) -> None:
    want(visits, "Ada 1", "Ada 2", "Bea 1")
    assert started(visits, "Ada 1", "Ada 2", "Bea 1") == ["Ada 1", "Bea 1"]
    assert queues(visits) == {"passport:Ada": ["Ada 1", "Ada 2"], "passport:Bea": ["Bea 1"]}
    end(visits, "Ada 1")
    assert started(visits, "Ada 2") == ["Ada 2"]
    end(visits, "Ada 2")
    end(visits, "Bea 1")
    assert queues(visits) == {}
    assert visits.timers() == []


def test_waiting_sagas_acquire_a_lock_in_the_order_of_their_starts(visits: Desk) -> None:
    names = [f"Ada {n}" for n in range(5)]
    want(visits, *names)
    for number, name in enumerate(names):
        assert started(visits, *names) == names[: number + 1]
        end(visits, name)


def test_a_saga_acquires_all_its_locks_or_none(visits: Desk) -> None:
    want(visits, "Ada 1", "Ada+Bea 2", "Bea+Ada 3", "Bea 4")
    assert started(visits, "Ada 1", "Ada+Bea 2", "Bea+Ada 3", "Bea 4") == ["Ada 1"]
    # Sorted, in whichever order the saga names them.
    for each in ("Ada+Bea 2", "Bea+Ada 3"):
        assert visits.journal(each).locks == ("passport:Ada", "passport:Bea")
    end(visits, "Ada 1")
    assert started(visits, "Ada+Bea 2", "Bea+Ada 3", "Bea 4") == ["Ada+Bea 2"]
    end(visits, "Ada+Bea 2", reason="none")
    assert started(visits, "Bea+Ada 3", "Bea 4") == ["Bea+Ada 3"]
    end(visits, "Bea+Ada 3")
    assert started(visits, "Bea 4") == ["Bea 4"]


def test_sagas_of_all_classes_in_a_store_share_the_locks(visits: Desk, hurries: Desk) -> None:
    want(hurries, "Ada 1")
    want(visits, "Ada 2")
    assert started(visits, "Ada 2") == []
    end(hurries, "Ada 1")
    visits.fire(NOON)
    assert started(visits, "Ada 2") == ["Ada 2"]


def test_a_saga_that_does_not_wait_is_refused_with_the_holder_of_the_lock(
    visits: Desk, hurries: Desk
) -> None:
    want(visits, "Ada 1")
    want(hurries, "Ada 2")
    refused = hurries.journal("Ada 2")
    assert refused.state is State.COMPENSATED
    assert refused.reason == "passport:Ada is held by Visit Ada 1"
    assert hurries.given() == ["TellTraveller"]
    assert queues(hurries) == {"passport:Ada": ["Ada 1"]}


def test_an_answer_before_the_lock_is_acquired_is_kept(visits: Desk) -> None:
    want(visits, "Ada 1", "Ada 2")
    visits.hear(happened(VisaFound, number="V2"), key="Ada 2")
    assert started(visits, "Ada 2") == []
    end(visits, "Ada 1")
    assert visits.journal("Ada 2").state is State.COMPLETED
    assert queues(visits) == {}


def test_a_saga_cancelled_while_it_waits_leaves_the_queue(visits: Desk) -> None:
    want(visits, "Ada 1", "Ada 2", "Ada 3")
    visits.process.intervene("Ada 2", lambda saga: saga.cancel(Operator("Eve")))
    assert queues(visits) == {"passport:Ada": ["Ada 1", "Ada 3"]}
    visits.process.intervene("Ada 1", lambda saga: saga.abandon(Operator("Eve", "lost")))
    visits.participant.roll_back()
    visits.fire(NOON)
    assert started(visits, "Ada 2", "Ada 3") == ["Ada 3"]


def test_a_batch_that_is_rolled_back_requests_no_lock(visits: Desk) -> None:
    visits.participant.prepare([])
    visits.participant.handle(visits.message(happened(Trip.Wanted, traveller="Ada 1"), "Ada 1"))
    visits.participant.roll_back()
    want(visits, "Bea 1")
    assert queues(visits) == {"passport:Bea": ["Bea 1"]}


def test_a_release_during_the_check_of_a_lock_wakes_the_waiting_saga(
    visits: Desk, hurries: Desk
) -> None:
    want(hurries, "Ada 1")
    visits.take(visits.message(happened(Trip.Wanted, traveller="Ada 2"), "Ada 2"))
    handling = cast("SagaHandling", handling_of(visits.process))
    start_if_first = handling._start_if_first

    def overtaken(*given: Any) -> None:
        """Ends the holder after the check has found the lock held, and before it is committed."""
        start_if_first(*given)
        handling._start_if_first = start_if_first  # type: ignore[method-assign]
        Context().run(end, hurries, "Ada 1")  # as another process would

    handling._start_if_first = overtaken  # type: ignore[method-assign, assignment]
    visits.fire(NOON)
    assert started(visits, "Ada 2") == []
    visits.fire(NOON)
    assert started(visits, "Ada 2") == ["Ada 2"]


def test_a_system_may_run_without_locks(store_url: str) -> None:
    for desk in opened(Visit, store_url, takes_locks=False):
        want(desk, "Ada 1", "Ada 2")
        assert started(desk, "Ada 1", "Ada 2") == ["Ada 1", "Ada 2"]
        assert queues(desk) == {}
