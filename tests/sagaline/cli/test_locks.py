"""One open order per customer, where the shop is set so."""

from tests.cli.command_line import CommandLine
from tests.cli.orders import DECLINED, GOOD, STUCK, json_lines, order


def test_a_customers_next_order_waits_until_the_one_before_it_has_ended(shop: CommandLine) -> None:
    shop = shop.given(SHOP_ONE_ORDER_PER_CUSTOMER="true")
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert shop.application("stock", "-", input=stock).status == 0
    slow, next_, other = (
        order(GOOD, payment_method="pm_timeout"),
        order(DECLINED),
        order(STUCK, customer_id="901"),
    )
    for each in (slow, next_, other):
        assert shop.application("place", "-", input=json_lines([each])).status == 0
    assert shop.sagaline("run", "--until-settled", "--horizon", "60").status == 0
    assert statuses(shop) == {GOOD: "placed", DECLINED: "placed", STUCK: "completed"}
    found = shop.sagaline("status", "--json").json["locks"]
    assert [(each["name"], each["holder"], each["waiting"]) for each in found] == [
        ("customer:900", f"OrderFulfilment {GOOD}", [f"OrderFulfilment {DECLINED}"])
    ]
    assert "customer:900" in shop.sagaline("status").output
    shown = shop.sagaline("sagas", "show", DECLINED).output
    assert "it waits for its locks, customer:900" in shown
    assert "the saga queues for customer:900" in shown
    timers = shop.sagaline("timers", "list", "--json").json
    (limit,) = (each["id"] for each in timers if each["follower"] == "OrderFulfilment")
    assert shop.sagaline("timers", "move", limit, "now").status == 0
    assert shop.sagaline("run", "--until-settled").status == 0
    assert statuses(shop) == {GOOD: "cancelled", DECLINED: "completed", STUCK: "completed"}
    assert shop.sagaline("status", "--json").json["locks"] == []


def statuses(run: CommandLine) -> dict[str, str]:
    found = run.application("orders", "--json").json
    return {each["order_id"]: each["status"] for each in found}


def test_a_setting_that_is_no_boolean_is_refused_by_name(sqlite_shop: CommandLine) -> None:
    said = sqlite_shop.given(SHOP_ONE_ORDER_PER_CUSTOMER="perhaps").sagaline("check")
    assert said.status == 2
    assert "SHOP_ONE_ORDER_PER_CUSTOMER must be true or false, not 'perhaps'" in said.errors
