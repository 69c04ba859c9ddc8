"""A saga with `again` runs once more for a key whose last instance has ended."""

from typing import Any

import pytest
from sqlalchemy import select

from sagaline import State
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.interventions import Operator
from sagaline.storage.tables.timers import due_timers
from sagaline.system.saga_list import saga_list
from tests.sagaline.restock import SKU, Buyers, Shop, shop_on

COMPLETED, COMPENSATED, RUNNING = State.COMPLETED, State.COMPENSATED, State.RUNNING


def states(shop: Shop) -> list[State]:
    return [each.state for each in shop.runs()]


def ignored(shop: Shop, run: int) -> list[str]:
    """The reasons for which a run has ignored events."""
    process: Any = shop.runner.apps["Restock"]
    rows = process.recorder.streams([journal_id("Restock", SKU, run)]).popitem()[1]
    events = [process.mapper.to_domain_event(each) for each in rows]
    return [each.reason for each in events if isinstance(each, Journal.Ignored)]


def timer_ids(shop: Shop) -> list[str]:
    with shop.runner.views.read() as connection:
        return [each.id for each in due_timers(connection, "Restock", 1e12, 100)]


def test_a_shelf_that_runs_low_again_is_filled_again(store_url: str) -> None:
    with shop_on(store_url) as shop:
        for _ in range(3):
            shop.run_low()
        assert states(shop) == [COMPLETED] * 3
        assert [each.id for each in shop.runs()] == [
            journal_id("Restock", SKU, n) for n in (1, 2, 3)
        ]
        commands = [id_ for each in shop.runs() for id_ in each.requests]
        assert len(set(commands)) == len(commands) == 9


def test_a_start_while_a_run_is_open_is_recorded_as_ignored(store_url: str) -> None:
    with shop_on(store_url) as shop:
        shop.run_low()
        shop.run_low("bad")
        shop.run_low()
        assert states(shop) == [COMPLETED, RUNNING]
        assert ignored(shop, 2) == ["it has already started"]
        assert ignored(shop, 1) == []


def test_a_run_follows_one_that_was_compensated_or_abandoned(store_url: str) -> None:
    with shop_on(store_url) as shop:
        shop.run_low("bad")
        shop.pass_time(minutes=11)
        shop.run_low("bad")
        process: Any = shop.runner.apps["Restock"]
        process.intervene(SKU, lambda saga: saga.abandon(Operator("Eve", "gone")))
        shop.settle()
        shop.run_low()
        assert states(shop) == [COMPENSATED, State.ABANDONED, COMPLETED]


def test_an_answer_to_an_earlier_run_is_recorded_there_and_not_taken_by_the_later_one(
    store_url: str,
) -> None:
    with shop_on(store_url) as shop:
        shop.run_low()
        shop.run_low("slow")
        shop.pass_time(minutes=11)
        shop.run_low()
        shop.run_low("bad")
        before = [each.version for each in shop.runs()]
        shop.pass_time(minutes=5)
        shop.pass_time(minutes=45)
        after = [each.version for each in shop.runs()]
        assert states(shop) == [COMPLETED, COMPENSATED, COMPLETED, COMPENSATED]
        assert after[:3] == [before[0], before[1] + 1, before[2]]


def test_a_late_answer_does_not_end_the_wait_of_the_run_that_is_open(store_url: str) -> None:
    with shop_on(store_url) as shop:
        shop.run_low("slow")
        shop.pass_time(minutes=11)
        shop.pass_time(minutes=45)
        shop.run_low("bad")
        shop.pass_time(minutes=5)
        assert states(shop) == [COMPENSATED, RUNNING]
        assert shop.run(2).in_flight == {"order_goods"}


def test_each_run_has_timers_of_its_own(store_url: str) -> None:
    """The buyer of an ended run is told by its timer, whatever the next run does meanwhile."""
    with shop_on(store_url) as shop:
        shop.runner.get(Buyers).line_is_down = True
        shop.run_low()
        shop.run_low()
        shop.run_low("bad")
        assert timer_ids(shop) == [
            f"{SKU}:tell_buyer:due",
            f"{SKU}:tell_buyer:due:2",
            f"{SKU}:order_goods:timeout:3",
        ]
        shop.runner.get(Buyers).line_is_down = False
        shop.pass_time(minutes=2)
        told = [each.closings["tell_buyer"].attempts for each in shop.runs()[:2]]
        assert told == [2, 2]
        assert states(shop)[2] is RUNNING
        shop.pass_time(minutes=9)
        assert states(shop) == [COMPLETED, COMPLETED, COMPENSATED]


def test_the_runs_of_many_keys_go_on_after_a_restart(store_url: str) -> None:
    goods = ["tea", "salt", "rice"]
    with shop_on(store_url) as shop:
        for sku in goods:
            shop.run_low(sku=sku)
            shop.run_low("bad", sku=sku)
        clock = shop.clock
    with shop_on(store_url, clock) as shop:
        shop.pass_time(minutes=11)
        for sku in goods:
            shop.run_low(sku=sku)
            ends = [each.state for each in shop.runs(sku)]
            assert ends == [COMPLETED, COMPENSATED, COMPLETED]


def test_an_operator_acts_on_the_open_run_or_on_the_one_that_is_named(store_url: str) -> None:
    with shop_on(store_url) as shop:
        shop.run_low()
        shop.run_low("bad")
        process: Any = shop.runner.apps["Restock"]
        with pytest.raises(Exception, match="it has ended, completed"):
            process.intervene(SKU, lambda saga: saga.cancel(Operator("Eve")), run=1)
        shop.settle()
        process.intervene(SKU, lambda saga: saga.cancel(Operator("Eve")))
        shop.pass_time(minutes=11)
        assert states(shop) == [COMPLETED, COMPENSATED]


def test_saga_list_has_a_row_for_each_run(store_url: str) -> None:
    with shop_on(store_url) as shop:
        shop.run_low()
        shop.run_low("bad")
        columns = saga_list.c.saga_id, saga_list.c.key, saga_list.c.state
        with shop.runner.views.read() as connection:
            rows = [tuple(row) for row in connection.execute(select(*columns))]
        first, second = journal_id("Restock", SKU), journal_id("Restock", SKU, 2)
        assert set(rows) == {(first, SKU, "completed"), (second, SKU, "running")}
