"""The shop by choreography from the command line: the same commands on the same tables."""

from collections.abc import Callable

import pytest

from tests.cli.command_line import CommandLine
from tests.cli.conftest import Happened
from tests.cli.orders import json_lines, order

SYSTEM = ("--app", "sagas.choreography:system")
STUCK = "00000000-0000-4000-8000-00000000000a"
FINE = "00000000-0000-4000-8000-00000000000b"
NOWHERE = {"country": "ZZ", "postcode": "0000"}


@pytest.fixture
def danced(shop_after: Callable[[Happened], CommandLine]) -> CommandLine:
    """A shop in which one order is done, and the refund of another is stuck."""
    return shop_after(a_refund_got_stuck)


def a_refund_got_stuck(shop: CommandLine) -> None:
    stock = json_lines([{"sku": "A1", "quantity": 100}])
    assert shop.application("stock", "-", input=stock).status == 0
    placed = [order(FINE), order(STUCK, payment_method="pm_refund_fails", ship_to=NOWHERE)]
    said = shop.application("place", "-", input=json_lines(placed))
    assert [each["position"] for each in said.json_lines] == ["orders:1", "orders:2"]
    assert shop.sagaline(*SYSTEM, "run", "--until-settled").status == 0


def test_readers_need_not_know_by_which_kind_an_order_is_led(danced: CommandLine) -> None:
    said = danced.application("orders", "--json", "--wait", "orders:2")
    assert {each["order_id"]: each["status"] for each in said.json} == {
        FINE: "completed",
        STUCK: "attention",
    }
    told = danced.application("order", FINE, "--json").json
    assert [each["event"] for each in told["timeline"]][-1] == "Order.Completed"
    assert danced.application("stock-levels", "--json").status == 0


def test_every_look_at_the_system_works_without_a_saga(danced: CommandLine) -> None:
    for command in (["status"], ["sagas", "list"], ["timers", "list"], ["dead-letters", "list"]):
        said = danced.sagaline(*SYSTEM, *command)
        assert (said.status, said.errors) == (0, ""), command
    assert danced.sagaline(*SYSTEM, "rebuild", "--verify").status == 0
    told = danced.sagaline(*SYSTEM, "timeline", FINE, "--json").json_lines
    assert [each["type"] for each in told][-1] == "Order.Completed"
    assert [each["hop"] for each in told] == sorted(each["hop"] for each in told)


def test_the_other_system_refuses_the_store(danced: CommandLine) -> None:
    said = danced.sagaline("run", "--until-settled")
    assert said.status == 2
    assert "shop by choreography" in said.errors


def test_a_person_asks_again_for_a_refund_that_is_stuck(danced: CommandLine) -> None:
    refused = danced.application("refund", STUCK, "--json")
    assert (refused.status, refused.json["refunded"]) == (1, False)
    assert danced.application("gateway", "allow-refunds", STUCK).status == 0
    granted = danced.application("refund", STUCK)
    assert (granted.status, granted.output) == (0, f"The money of {STUCK} is back.\n")
    assert danced.sagaline(*SYSTEM, "run", "--until-settled").status == 0
    found = danced.application("order", STUCK, "--json").json
    assert (found["status"], found["reason"]) == ("cancelled", "undeliverable address")
    assert [each["kind"] for each in found["payments"]] == ["captured", "refunded"]


def test_only_a_refund_that_was_given_up_is_asked_for(danced: CommandLine) -> None:
    said = danced.application("refund", FINE)
    assert said.status == 2
    assert "was given up" in " ".join(said.errors.replace("│", " ").split())
