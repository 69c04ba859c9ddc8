"""Journals that a system has recorded, played against the code that has recorded them."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from sagaline import Retry, Runner, State, Timing
from sagaline.admin.recorded_journals import OtherTurn, other_turns, recorded_in
from sagaline.application.saga_process import SagaProcess
from sagaline.runner.saga_streams import INSTANCES_PER_READ, ended_streams, open_streams
from sagaline.saga.instance import journal_id
from sagaline.saga.interventions import Operator
from sagaline.saga.playback import Playback
from sagaline.system.system import System
from sagaline.testing import given, happened
from sagaline.testing.given.sagas import GivenSaga
from tests.sagaline.restock import SKU, Buyers, shop_on
from tests.sagaline.restock import system as restock
from tests.sagaline.saga.test_interventions import retry, skip, stuck_and_parked
from tests.sagaline.saga.test_locks import Hurry, Visit, end, opened, want
from tests.sagas.holiday import Holidays, PlanHoliday, holidays
from tests.sagas.repair import Agree, Decline, DoRepair, Repair, WishColour
from tests.sagas.trip import BookTrip, VisaFound


def played(system: System, runner: Runner) -> tuple[int, list[OtherTurn]]:
    """How many journals the stores of a runner have, and the other turns of the code."""
    found: list[OtherTurn] = []
    count = 0
    for process in system.processes:
        log: Any = runner.apps[process.name]
        for _, turn in other_turns(system, recorded_in(process, log, 1_000)):
            count += 1
            found += [] if turn is None else [turn]
    return count, found


def test_runs_with_faults_retries_timeouts_and_operators_take_the_same_turns(
    store_url: str,
) -> None:
    with shop_on(store_url) as shop:
        shop.runner.get(Buyers).line_is_down = True
        shop.run_low()
        shop.run_low("slow")
        shop.pass_time(minutes=11)
        shop.run_low()
        shop.runner.get(Buyers).line_is_down = False
        shop.pass_time(minutes=50)
        shop.run_low("bad")
        process: Any = shop.runner.apps["Restock"]
        process.intervene(SKU, lambda saga: saga.abandon(Operator("Eve", "gone")))
        shop.settle()
        assert played(restock, shop.runner) == (len(shop.runs()), [])


def test_children_and_items_take_the_same_turns(store_url: str) -> None:
    with Runner(holidays, {"SQLALCHEMY_URL": store_url}) as runner:
        for traveller, journeys in (
            ("Ada", ("a", "b")),
            ("Bea", ("c", "night")),
            ("Eve", ("slow",)),
        ):
            command = PlanHoliday(traveller=traveller, journeys=journeys, price=100)
            runner.get(Holidays).execute_one(command)
        runner.settle(20, horizon=1)
        parent: Any = runner.apps["HolidayBooking"]
        parent.intervene("Eve", lambda saga: saga.cancel(Operator("Eve", "ill")))
        runner.settle(20, horizon=1)
        assert played(holidays, runner) == (8, [])


@pytest.fixture(params=[Visit, Hurry])
def locked(request: pytest.FixtureRequest, store_url: str) -> Iterator[SagaProcess]:
    """Sagas that have waited for a lock, one with an early answer, or that were refused it."""
    for desk in opened(request.param, store_url):
        want(desk, "Ada 1", "Ada 2", "Ada 3")
        desk.hear(happened(VisaFound, number="V2"), key="Ada 2")
        end(desk, "Ada 1")
        yield desk.process


def test_sagas_with_locks_take_the_same_turns(locked: SagaProcess) -> None:
    found = list(recorded_in(type(locked), locked, 10))
    assert len(found) == 3
    for each in found:
        events = [each.mapper.to_domain_event(row) for row in each.rows]
        assert Playback(locked.saga, events, {}).first_other_turn() is None


AGREED = given(DoRepair, happened(Repair.Ordered, owner="Ada")).when(Agree(owner="Ada"))
WISHED = given(DoRepair, happened(Repair.Ordered, owner="Ada")).when(
    WishColour(owner="Ada", colour="red")
)


@pytest.mark.parametrize(
    "story",
    [
        AGREED.when(Repair.Done, colour="red"),
        WISHED.when(Agree(owner="Ada")),
        WISHED.when(Decline(owner="Ada", reason="too dear")),
        WISHED.when_time_runs_out("agree"),
        AGREED.when_fault("finish").when_pause_ends("finish"),
        AGREED.when(happened(Repair.Ordered, owner="Ada")),
        WISHED.when_operator(lambda saga: saga.cancel(Operator("Eve"))),
        WISHED.when_operator(lambda saga: saga.abandon(Operator("Eve", "gone"))),
    ],
    ids=["done", "agreed", "declined", "too late", "fault", "second start", "cancel", "abandon"],
)
def test_the_code_that_has_recorded_a_story_takes_the_same_turns(story: GivenSaga) -> None:
    assert Playback(DoRepair, story.events, {}).first_other_turn() is None


def test_stuck_steps_that_an_operator_retries_or_skips_take_the_same_turns() -> None:
    story = stuck_and_parked()
    for act in (retry, skip("rent_car")):
        played = Playback(BookTrip, story.when_operator(act).events, {})
        assert played.first_other_turn() is None


def test_a_turn_that_the_journal_has_not_recorded_is_named() -> None:
    turn = Playback(DoRepair, AGREED.events[:1], {}).first_other_turn()
    assert turn is not None
    assert (turn.place, turn.recorded) == (2, "nothing")
    assert turn.now == "the saga waits for agree"


def test_fewer_attempts_than_were_recorded_are_another_turn() -> None:
    story = AGREED.when_fault("finish").when_pause_ends("finish").when_fault("finish")
    once = {"finish": Timing(retry=Retry(attempts=1))}
    turn = Playback(DoRepair, story.events, once).first_other_turn()
    assert turn is not None
    assert turn.input.startswith("Finish faults")
    assert turn.recorded == "the saga pauses before it retries"
    assert "the saga is parked at finish" in turn.now


def test_an_instance_that_is_parked_after_its_end_is_open(store_url: str) -> None:
    with shop_on(store_url) as shop:
        shop.runner.get(Buyers).line_is_down = True
        shop.run_low()
        recorder = cast("SagaProcess", shop.runner.apps["Restock"]).recorder
        assert list(open_streams(recorder)) == []
        for _ in range(20):
            shop.pass_time(minutes=10)
        assert shop.run(1).state is State.PARKED
        assert list(open_streams(recorder)) == [[shop.run(1).id]]


def test_open_instances_are_read_a_page_at_a_time(store_url: str) -> None:
    for desk in opened(Visit, store_url):
        count = INSTANCES_PER_READ + 1
        travellers = [f"Traveller {n}" for n in range(count)]
        want(desk, *travellers)
        pages = list(open_streams(desk.process.recorder))
        assert [len(each) for each in pages] == [INSTANCES_PER_READ, 1]
        for each in travellers[:3]:
            end(desk, each)
        assert sum(map(len, open_streams(desk.process.recorder))) == count - 3
        (last,) = ended_streams(desk.process.recorder, 2)
        assert last == [journal_id("Visit", each) for each in reversed(travellers[1:3])]
