"""The test kit plays a saga that runs again for its key."""

from sagaline import State
from sagaline.testing import Scenario, given, happened
from tests.sagaline.restock import FillShelf, Order, OrderGoods, Restock, Shelf, TellBuyer

RAN_LOW = happened(Shelf.RanLow, sku="tea", supplier="quick")
FILLED = given(Restock, RAN_LOW, Order.Delivered, Shelf.Filled)


def test_a_start_after_the_end_begins_the_next_run() -> None:
    FILLED.then_ends(State.COMPLETED)
    again = FILLED.when(RAN_LOW).then(OrderGoods(sku="tea", supplier="quick"))
    assert again.journal.run == 2
    again.when(Order.Delivered).then(FillShelf(sku="tea"))


def test_a_start_while_a_run_is_open_does_nothing() -> None:
    FILLED.when(RAN_LOW).when(RAN_LOW).then_nothing().then_waits("order_goods")


def test_a_scenario_plays_each_run() -> None:
    with Scenario(Restock) as scenario:
        scenario.happens(Shelf.RanLow, sku="tea").then_ends(State.COMPLETED)
        scenario.when_asked_for("order_goods").is_silent()
        scenario.happens(Shelf.RanLow, sku="tea").then_waits("order_goods")
        scenario.then_asked(OrderGoods)
        scenario.pass_time(minutes=11).then_ends(State.COMPENSATED)
        scenario.when_asked_for("order_goods").recovers()
        scenario.happens(Shelf.RanLow, sku="tea").then_asked(OrderGoods, FillShelf, TellBuyer)
