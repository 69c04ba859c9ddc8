"""The shop crashes before and after each commit of an order, and the order ends correctly."""

from collections.abc import Iterator
from uuid import UUID, uuid5

import pytest

from application.commands import PlaceOrder, ReceiveStock
from application.system import system
from domain.order import ShipTo
from projections.order_list import OrderList
from projections.payment_ledger import PaymentLedger
from projections.stock_level import StockLevel
from sagaline.testing import Scenario
from tests.sagas.shop import ORDER, PLACED, SHIP_TO

NOWHERE = ShipTo(country="ZZ", postcode="1")
PIECES = 10_000


@pytest.fixture(scope="module")
def shop() -> Iterator[Scenario]:
    with Scenario(system) as scenario:
        scenario.gives(ReceiveStock(sku="A1", quantity=PIECES))
        yield scenario


def run_order(shop: Scenario, order: UUID, method: str, to: ShipTo) -> int:
    """Runs one order to its end; returns the number of commits."""
    lines = PLACED.fields["lines"]
    shop.gives(
        PlaceOrder(
            order_id=order, customer_id="900", lines=lines, payment_method=method, ship_to=to
        )
    )
    shop.pass_time(hours=1).then_no_timers()
    return shop.commits


def movements(shop: Scenario, order: UUID) -> list[str]:
    """The movements of money of one order."""
    return [str(row["kind"]) for row in shop.rows(PaymentLedger) if row["order_id"] == order]


@pytest.mark.parametrize(
    ("method", "to", "end", "money"),
    [
        ("pm_card_visa", SHIP_TO, "completed", ["captured"]),
        ("pm_card_visa", NOWHERE, "cancelled", ["captured", "refunded"]),
        ("pm_timeout", SHIP_TO, "cancelled", ["captured", "refunded"]),
    ],
    ids=["completed", "undeliverable", "late answer"],
)
def test_an_order_ends_correctly_wherever_the_shop_crashes(
    shop: Scenario, method: str, to: ShipTo, end: str, money: list[str]
) -> None:
    shop.will_crash(0, before=True)
    plain = uuid5(ORDER, f"{method} {to}")
    commits = run_order(shop, plain, method, to)
    orders = [plain]
    for number in range(1, commits + 1):
        for before in (True, False):
            shop.will_crash(number, before=before)
            orders.append(uuid5(plain, f"{number} {before}"))
            run_order(shop, orders[-1], method, to)
    statuses = {row["order_id"]: row["status"] for row in shop.rows(OrderList)}
    assert {statuses[each] for each in orders} == {end}
    assert {tuple(sorted(movements(shop, each))) for each in orders} == {tuple(money)}
    (shelf,) = shop.rows(StockLevel)
    sold = [each for each in statuses.values() if each == "completed"]
    assert (shelf["on_hand"], shelf["reserved"]) == (PIECES - 2 * len(sold), 0)
