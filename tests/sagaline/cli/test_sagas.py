"""`sagaline sagas`, `timers`, `diagram`."""

import pytest

from tests.cli.command_line import CommandLine
from tests.cli.orders import DECLINED, GOOD, STUCK


def test_sagas_are_listed_newest_first(settled: CommandLine) -> None:
    said = settled.sagaline("sagas", "list", "--json")
    assert said.status == 1, "one of them is parked"
    found = {each["key"]: each for each in said.json}
    assert found.keys() == {GOOD, DECLINED, STUCK}
    started = [each["started_at"] for each in said.json]
    assert started == sorted(started, reverse=True)
    assert (found[GOOD]["state"], found[GOOD]["remaining"]) == ("completed", "")
    assert found[GOOD]["ended_at"] > found[GOOD]["started_at"]
    assert (found[DECLINED]["state"], found[DECLINED]["reason"]) == ("compensated", "card declined")
    assert (found[STUCK]["state"], found[STUCK]["ended_at"]) == ("parked", None)
    assert found[STUCK]["name"] == "OrderFulfilment"


def test_sagas_are_listed_by_state(settled: CommandLine) -> None:
    completed = settled.sagaline("sagas", "list", "--state", "completed", "--json")
    assert (completed.status, [each["key"] for each in completed.json]) == (0, [GOOD])
    parked = settled.sagaline("sagas", "list", "--state", "parked", "--json")
    assert (parked.status, [each["key"] for each in parked.json]) == (1, [STUCK])
    running = settled.sagaline("sagas", "list", "--state", "running", "--json")
    assert (running.status, running.json) == (0, [])


def test_the_list_ends_with_the_number_of_further_sagas(settled: CommandLine) -> None:
    output = settled.sagaline("sagas", "list", "--limit", "2").output
    assert output.splitlines()[-1] == "... and 1 more: --limit 3"
    assert settled.sagaline("sagas", "list", "--state", "running").output == "There are none.\n"


def test_a_settled_system_has_no_timers_and_no_dead_letters(settled: CommandLine) -> None:
    for what in ("timers", "dead-letters"):
        listed = settled.sagaline(what, "list", "--json")
        assert (listed.status, listed.json) == (0, [])
        assert settled.sagaline(what, "list").output == "There are none.\n"


def test_the_diagram_of_a_system_has_its_commands_and_events(settled: CommandLine) -> None:
    drawn = settled.sagaline("diagram").output
    assert drawn.startswith("flowchart LR\n")
    assert '    Orders["Orders"]\n' in drawn
    assert '    OrderFulfilment{{"OrderFulfilment"}}\n' in drawn
    assert '    OrderFulfilment -->|"BookShipment"| Shipping\n' in drawn
    assert '    Orders -.->|"Order.Placed"| order_detail\n' in drawn
    assert settled.sagaline("diagram", "--json").json == {"mermaid": drawn.rstrip("\n")}


def test_the_diagram_of_a_saga_has_its_undos_and_end_states(settled: CommandLine) -> None:
    drawn = settled.sagaline("diagram", "OrderFulfilment").output
    for line in (
        'start_(["Order.Placed"])',
        "start_ --> reserve_stock",
        'book_shipment{{"book_shipment<br/>BookShipment"}}',
        'take_payment -.->|"Payment.Declined"| release_stock',
        'book_shipment -.->|"Shipment.Refused"| refund_payment',
        'refund_payment -.->|"Payment.RefundRefused or fault, 3 times"| parked_',
        'complete_order -->|"Order.Completed"| completed_',
        "cancel_order --> compensated_",
    ):
        assert f"    {line}\n" in drawn


@pytest.mark.parametrize("name", ["Nothing", "orderfulfilment"])
def test_an_unknown_saga_is_wrong_usage(settled: CommandLine, name: str) -> None:
    said = settled.sagaline("diagram", name)
    assert said.status == 2
    assert "choose among OrderFulfilment" in said.errors
