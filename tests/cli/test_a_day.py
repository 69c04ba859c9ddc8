"""A day of a shop in which everything goes wrong that can, and what is left of it for a person."""

from tests.cli.command_line import CommandLine
from tests.cli.orders import json_lines, order
from tests.invariants import violations

US = {"country": "US", "postcode": "45202"}
NOWHERE = {"country": "ZZ", "postcode": "0000"}
PATIENCE = "5"
UNKNOWN = ("cancelled", f"take_payment: no answer within {PATIENCE} s")
GONE = ("cancelled", "undeliverable address")
DONE = ("completed", None)

ENDS = {
    ("pm_card_visa", "US"): DONE,
    ("pm_card_visa", "ZZ"): GONE,
    ("pm_card_chargeDeclined", "US"): ("cancelled", "card declined"),
    ("pm_card_insufficientFunds", "ZZ"): ("cancelled", "insufficient funds"),
    ("pm_flaky_2", "US"): DONE,
    ("pm_flaky_2", "ZZ"): GONE,
    ("pm_timeout", "US"): UNKNOWN,
    ("pm_timeout", "ZZ"): UNKNOWN,
    ("pm_refund_fails", "US"): DONE,
}
"""How an order ends, by who pays how and where it goes."""

STUCK = ("pm_refund_fails", "ZZ")
"""This one ends when a person has seen to its refund."""


def placed(run: CommandLine, kinds: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Places an order of each of these kinds; returns the kinds by order."""
    ids = {f"00000000-0000-4000-8000-{number:012}": kind for number, kind in enumerate(kinds)}
    lines = [
        order(each, payment_method=method, ship_to=US if country == "US" else NOWHERE)
        for each, (method, country) in ids.items()
    ]
    stock = json_lines([{"sku": "A1", "quantity": 10 * len(ids)}])
    assert run.application("stock", "-", input=stock).status == 0
    assert run.application("place", "-", input=json_lines(lines)).status == 0
    return ids


def statuses(run: CommandLine) -> dict[str, tuple[str, str | None]]:
    listed = run.application("orders", "--limit", "1000", "--json")
    return {each["order_id"]: (each["status"], each["reason"]) for each in listed.json}


def test_whatever_goes_wrong_each_order_has_its_one_right_end_and_a_person_finishes_the_rest(
    sqlite_shop: CommandLine,
) -> None:
    shop = sqlite_shop.given(SHOP_PAYMENT_TIMEOUT=PATIENCE)
    orders = placed(shop, [*list(ENDS) * 20, *[STUCK] * 4])
    settled = shop.sagaline("run", "--until-settled", "--json")
    assert (settled.status, settled.json["sagas"]["parked"]) == (1, 4)
    ends = {**ENDS, STUCK: ("attention", "take_payment: refund refused")}
    assert statuses(shop) == {each: ends[kind] for each, kind in orders.items()}
    # What waits for a person is found, mended and taken on, one after the other.
    parked = shop.sagaline("sagas", "list", "--state", "parked", "--json").json
    assert {each["key"] for each in parked} == {k for k, kind in orders.items() if kind == STUCK}
    for each in parked:
        assert shop.application("gateway", "allow-refunds", each["key"]).status == 0
        assert shop.sagaline("sagas", "retry", each["key"], "--reason", "granted").status == 0
    assert shop.sagaline("run", "--until-settled").status == 0
    ends[STUCK] = GONE
    assert statuses(shop) == {each: ends[kind] for each, kind in orders.items()}
    # No money is kept for a cancelled order, no stock, and no effect was had twice.
    assert shop.store is not None
    assert violations(shop.store, settled=True) == []
    assert shop.sagaline("rebuild", "--verify").status == 0
