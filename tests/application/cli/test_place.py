"""`python -m application place` and `stock`."""

import json
import signal

import pytest

from tests.cli.command_line import LIMIT, CommandLine
from tests.cli.orders import DECLINED, GOOD, json_lines, order


def test_each_order_gets_its_answer_in_the_order_of_the_lines(shop: CommandLine) -> None:
    lines = json_lines([order(DECLINED), order(GOOD)])
    said = shop.application("place", "-", input=lines)
    assert said.status == 0
    assert said.json_lines == [
        {"line": n, "order_id": id_, "status": "placed", "position": f"orders:{n}", "error": None}
        for n, id_ in enumerate([DECLINED, GOOD], start=1)
    ]
    assert said.errors == "2 lines: 2 placed\n"


def test_the_same_order_again_is_a_duplicate_with_the_position_of_the_first(
    shop: CommandLine,
) -> None:
    twice = json_lines([order(DECLINED), order(GOOD), order(GOOD)])
    first = shop.application("place", "-", input=twice)
    again = shop.application("place", "-", "--json", input=json_lines([order(GOOD)]))
    assert (first.status, again.status) == (0, 0)
    repeated = [first.json_lines[2], again.json_lines[0]]
    assert [each["status"] for each in repeated] == ["duplicate", "duplicate"]
    assert [each["position"] for each in repeated] == ["orders:2", "orders:2"]


def test_the_same_id_with_other_content_is_rejected(shop: CommandLine) -> None:
    other = json_lines([order(GOOD), order(GOOD, customer_id="901")])
    said = shop.application("place", "-", input=other)
    assert said.status == 1
    assert said.json_lines[1] == {
        "line": 2,
        "order_id": GOOD,
        "status": "rejected",
        "position": None,
        "error": "its id was used before, with other content",
    }


def test_a_rejected_line_stops_no_other(sqlite_shop: CommandLine) -> None:
    bad = order(DECLINED, currency="XXX")
    lines = json_lines(["nonsense", "", bad, order(GOOD)])
    said = sqlite_shop.application("place", "-", input=lines)
    assert said.status == 1
    answers = [(each["line"], each["order_id"], each["status"]) for each in said.json_lines]
    assert answers == [(1, None, "rejected"), (3, DECLINED, "rejected"), (4, GOOD, "placed")]
    assert "JSON" in said.json_lines[0]["error"]
    assert "currency" in said.json_lines[1]["error"]


def test_an_order_without_an_id_is_given_one(sqlite_shop: CommandLine) -> None:
    line = order()
    del line["order_id"]
    said = sqlite_shop.application("place", "-", input=json_lines([line, line]))
    assert len({each["order_id"] for each in said.json_lines}) == 2
    assert {each["status"] for each in said.json_lines} == {"placed"}


def test_more_orders_than_one_batch_are_all_answered(sqlite_shop: CommandLine) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(1_201)]
    (sqlite_shop.folder / "orders.jsonl").write_text(json_lines(map(order, ids)))
    said = sqlite_shop.application("place", "orders.jsonl")
    assert [each["order_id"] for each in said.json_lines] == ids
    assert said.errors == "1,201 lines: 1,201 placed\n"
    again = sqlite_shop.application("place", "orders.jsonl")
    assert again.errors == "1,201 lines: 1,201 duplicate\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_order_does_not_wait_for_the_next_one(
    sqlite_shop: CommandLine, number: signal.Signals
) -> None:
    with sqlite_shop.started("application", "place", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for each in (GOOD, DECLINED):
            process.stdin.write(json_lines([order(each)]))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["order_id"] == each
        process.stdin.write('{"half a line')
        process.stdin.flush()
        process.send_signal(number)
        assert process.wait(LIMIT) == 0
        assert process.stdout.read() == ""
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_an_unreadable_file_is_wrong_usage_and_creates_no_store(
    sqlite_shop: CommandLine,
) -> None:
    for command in ("place", "stock"):
        for file in ("missing.jsonl", "."):
            assert sqlite_shop.application(command, file).status == 2
    assert not list(sqlite_shop.folder.parent.glob("*.db"))


def test_an_unusable_store_is_reported_in_one_line(run: CommandLine) -> None:
    (run.folder / "text.db").write_text("text " * 999)
    for url in ("sqlite:///text.db", "sqlite:////not/there/shop.db", "nonsense"):
        said = run.on(url).application("place", "-", input=json_lines([order()]))
        assert (said.status, said.output) == (2, "")
        assert said.errors.startswith("application: ")
        assert said.errors.count("\n") == 1


def test_stock_is_received(shop: CommandLine) -> None:
    lines = json_lines([{"sku": "A1", "quantity": 3}, {"sku": "A1", "quantity": 4}])
    said = shop.application("stock", "-", input=lines)
    assert (said.status, said.output, said.errors) == (0, "", "2 lines: 2 received\n")
    assert shop.sagaline("run", "--until-settled").status == 0
    levels = shop.application("stock-levels", "--json").json
    assert levels == [{"sku": "A1", "on_hand": 7, "reserved": 0, "available": 7}]


def test_a_rejected_line_of_stock_is_reported_as_text_and_as_json(sqlite_shop: CommandLine) -> None:
    lines = json_lines([{"sku": "A1", "quantity": 0}, {"sku": "A1", "quantity": 4}])
    text = sqlite_shop.application("stock", "-", input=lines)
    assert text.status == 1
    assert text.errors.startswith("line 1: quantity must be")
    said = sqlite_shop.application("stock", "-", "--json", input=lines)
    assert said.status == 1
    rejected, received = said.json_lines
    assert (rejected["line"], rejected["status"], rejected["position"]) == (1, "rejected", None)
    assert (received["sku"], received["quantity"], received["status"]) == ("A1", 4, "received")
    assert received["position"].startswith("inventory:")
