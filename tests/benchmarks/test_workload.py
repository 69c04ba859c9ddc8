"""The orders of the benchmarks, and what must become of them."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.made_orders import ARTICLES, each_article, made_orders
from benchmarks.one_process.bursts import read_bursts
from benchmarks.process import WentWrong, environment, printed
from benchmarks.workload import Workload, check_ends, commands_of, lines_of, read_all


def test_the_orders_are_the_same_each_time_and_fewer_are_the_first_of_more() -> None:
    assert made_orders(50) == made_orders(50)
    assert made_orders(5) == made_orders(50)[:5]
    assert made_orders(5, seed=1) != made_orders(5, seed=2)
    two = Workload.made_up(5, 2)
    assert two.bursts == [made_orders(10)[:5], made_orders(10)[5:]]
    assert two.orders == made_orders(10)


def test_one_card_in_ten_is_declined_and_one_address_in_twenty_is_out_of_reach() -> None:
    orders = made_orders(10_000)
    cards = Counter(each.payment_method for each in orders)
    assert cards["pm_card_visa"] / len(orders) == pytest.approx(0.90, abs=0.01)
    assert sum(each.country == "ZZ" for each in orders) / len(orders) == pytest.approx(
        0.05, abs=0.01
    )
    assert {len(each.lines) for each in orders} == {3}
    assert len({line.sku for each in orders for line in each.lines}) == ARTICLES


def test_each_article_is_in_one_order_each() -> None:
    ordered = Counter(line.sku for each in each_article(seed=1) for line in each.lines)
    assert len(ordered) == ARTICLES
    assert set(ordered.values()) == {1}


def test_there_is_stock_for_all_orders_and_no_more() -> None:
    workload = Workload.made_up(10, 2)
    wanted: Counter[str] = Counter()
    for command in commands_of(workload.orders):
        wanted.update({line.sku: line.quantity for line in command.lines})
    assert workload.stock == wanted


def test_a_run_in_which_orders_end_otherwise_than_they_should_has_gone_wrong() -> None:
    orders = made_orders(100)
    well = sum(each.ends_well for each in orders)
    before = {"completed": 7, "cancelled": 1}
    check_ends(before, {"completed": 7 + well, "cancelled": 101 - well}, orders)
    with pytest.raises(WentWrong, match="The orders ended as"):
        check_ends(before, {"completed": 8 + well, "cancelled": 100 - well}, orders)
    with pytest.raises(WentWrong, match="The orders ended as"):
        check_ends({}, {"completed": well, "cancelled": 100 - well, "placed": 1}, orders)


def test_a_file_of_bursts_is_read_as_it_was_written(tmp_path: Path) -> None:
    workload = Workload.made_up(3, 2)
    file = tmp_path / "orders.jsonl"
    file.write_text(workload.text)
    assert ["".join(each) for each in read_bursts(file)] == list(map(lines_of, workload.bursts))
    assert read_all(file) == list(map(commands_of, workload.bursts))


def test_what_is_set_outside_does_not_reach_what_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SAGALINE_VIEWS", "SHOP_PAYMENT_TIMEOUT", "ORDERS_SQLALCHEMY_URL"):
        monkeypatch.setenv(name, "elsewhere")
        assert name not in environment()


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(WentWrong) as raised:
        printed("benchmarks.no_such_module")
    assert "No module named benchmarks.no_such_module" in "".join(raised.value.__notes__)
