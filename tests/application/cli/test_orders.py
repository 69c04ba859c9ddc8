"""The shop's queries, from the read tables alone."""

from pathlib import Path

import pytest

from application import adapters
from tests.application.real_adapters import RealGateway
from tests.cli.command_line import CommandLine
from tests.cli.orders import DECLINED, GOOD, STUCK, json_lines, order


def test_orders_are_listed_newest_first(settled: CommandLine) -> None:
    found = settled.application("orders", "--json")
    assert found.status == 0
    assert [each["order_id"] for each in found.json] == [STUCK, DECLINED, GOOD]
    placed = found.json[2]
    assert (placed["status"], placed["customer_id"]) == ("completed", "900")
    assert (placed["total"], placed["currency"], placed["item_count"]) == ("19.98", "USD", 2)
    assert placed["placed_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--status", "cancelled"], [DECLINED]),
        (["--status", "attention"], [STUCK]),
        (["--status", "placed"], []),
        (["--customer", "900"], [STUCK, GOOD]),
        (["--limit", "1"], [STUCK]),
        (["--limit", "1", "--offset", "1"], [DECLINED]),
        (["--customer", "900", "--status", "completed"], [GOOD]),
    ],
)
def test_orders_are_filtered(settled: CommandLine, options: list[str], ids: list[str]) -> None:
    found = settled.application("orders", *options, "--json").json
    assert [each["order_id"] for each in found] == ids


def test_orders_are_printed_as_a_table(settled: CommandLine) -> None:
    output = settled.application("orders").output
    assert output.splitlines()[0].split() == [
        "order", "status", "total", "placed", "customer", "items", "reason",
    ]  # fmt: skip
    assert f"{DECLINED}  cancelled  19.98 USD" in output
    assert settled.application("orders", "--status", "placed").output == "There are none.\n"


def test_one_order_is_shown_with_its_lines_payments_and_history(settled: CommandLine) -> None:
    found = settled.application("order", GOOD, "--json").json
    assert found["status"] == "completed"
    (line,) = found["lines"]
    assert (line["sku"], line["quantity"]) == ("A1", 2)
    assert (line["unit_price"], line["line_total"]) == ("9.99", "19.98")
    (payment,) = found["payments"]
    assert (payment["kind"], payment["amount"]) == ("captured", "19.98")
    assert found["timeline"][0]["event"] == "Order.Placed"
    text = settled.application("order", GOOD).output
    for word in ("completed", "19.98 USD", "captured", "Order.Placed", "Shipment.Booked"):
        assert word in text
    assert "Nothing was paid." in settled.application("order", DECLINED).output


def test_an_unknown_order_is_an_error(settled: CommandLine) -> None:
    unknown = "00000000-0000-4000-8000-00000000ffff"
    said = settled.application("order", unknown)
    assert (said.status, said.output) == (2, "")
    assert said.errors == f"application: There is no order {unknown}.\n"
    assert settled.application("order", "nonsense").status == 2


def test_sales_are_shown_by_day(settled: CommandLine) -> None:
    (day,) = settled.application("sales", "--json").json
    assert (day["orders_placed"], day["orders_completed"], day["orders_cancelled"]) == (3, 1, 1)
    assert (day["revenue"], day["currency"]) == ("19.98", "USD")
    assert settled.application("sales", "--from", day["day"], "--to", day["day"], "--json").json
    assert settled.application("sales", "--to", "2001-01-01", "--json").json == []
    assert settled.application("sales", "--from", "2001-13-01").status == 2
    assert "19.98 USD" in settled.application("sales").output


def test_stock_levels_are_shown(settled: CommandLine) -> None:
    (level,) = settled.application("stock-levels", "--json").json
    assert level["on_hand"] == level["reserved"] + level["available"]
    assert settled.application("stock-levels", "--sku", "B2", "--json").json == []
    assert "A1" in settled.application("stock-levels").output


def test_a_cut_table_of_stock_levels_says_so(sqlite_shop: CommandLine) -> None:
    stock = json_lines({"sku": f"A{number}", "quantity": 1} for number in range(60))
    sqlite_shop.application("stock", "-", input=stock)
    sqlite_shop.sagaline("run", "--until-settled")
    assert sqlite_shop.application("stock-levels").output.count("\n") == 53
    assert sqlite_shop.application("stock-levels", "--limit", "60").output.count("\n") == 62
    assert len(sqlite_shop.application("stock-levels", "--json").json) == 60


def test_a_reader_waits_for_a_position(settled: CommandLine) -> None:
    said = settled.application("orders", "--wait", "orders:3", "--json")
    assert (said.status, len(said.json)) == (0, 3)
    assert settled.application("order", GOOD, "--wait", "Payments:1").status == 0


def test_a_reader_waits_no_longer_than_the_timeout(settled: CommandLine) -> None:
    said = settled.application("orders", "--wait", "orders:999", "--timeout", "0.05")
    assert (said.status, said.output) == (1, "")
    assert "has not seen orders:999 within 0.05 s; it is at orders:5." in said.errors


@pytest.mark.parametrize("position", ["nonsense", "orders:", "stores:1", "orders:-1", "shipping:1"])
def test_a_position_that_the_view_never_reaches_is_wrong_usage(
    settled: CommandLine, position: str
) -> None:
    assert settled.application("orders", "--wait", position).status == 2


def test_a_store_without_read_tables_is_an_error(sqlite_shop: CommandLine) -> None:
    sqlite_shop.application("place", "-", input=json_lines([order()]))
    said = sqlite_shop.application("orders")
    assert said.status == 2
    assert "has no table order_list yet, which `sagaline run` makes" in said.errors


def test_queries_need_the_read_tables_alone(run: CommandLine, tmp_path: Path) -> None:
    logs, views = tmp_path / "logs.db", tmp_path / "views.db"
    run = run.on(f"sqlite:///{logs}").given(SAGALINE_VIEWS=f"sqlite:///{views}")
    run.application("place", "-", input=json_lines([order()]))
    assert run.sagaline("run", "--until-settled").status == 0
    logs.unlink()
    assert len(run.application("orders", "--json").json) == 1
    assert run.application("order", GOOD).status == 0
    assert not logs.exists()


def test_the_gateway_grants_a_refund_that_it_refused(settled: CommandLine) -> None:
    said = settled.application("gateway", "allow-refunds", STUCK, "--json")
    assert said.status == 0
    assert said.json == {"order_id": STUCK, "allowed": True, "payment_known": True}
    assert "will be granted." in settled.application("gateway", "allow-refunds", STUCK).output
    unknown = "00000000-0000-4000-8000-00000000ffff"
    said = settled.application("gateway", "allow-refunds", unknown)
    assert (said.status, "knows of no payment" in said.output) == (0, True)


def test_no_gateway_store_is_created_for_a_missing_shop(sqlite_shop: CommandLine) -> None:
    assert sqlite_shop.application("gateway", "allow-refunds", GOOD).status == 2
    assert not list(sqlite_shop.folder.parent.glob("*.db"))


@pytest.mark.parametrize(
    "query", ["orders --limit", "orders --offset", "stock-levels --limit", "stock-levels --offset"]
)
def test_a_limit_above_the_database_integer_is_no_error(settled: CommandLine, query: str) -> None:
    found = settled.application(*query.split(), "99999999999999999999", "--json")
    assert found.status == 0
    assert bool(found.json) is query.endswith("--limit")


def test_sales_of_swapped_days_are_wrong_usage(settled: CommandLine) -> None:
    said = settled.application("sales", "--from", "2026-02-02", "--to", "2026-02-01")
    assert (said.status, said.output) == (2, "")
    assert "It is after --to." in said.errors
    assert settled.application("sales", "--from", "2026-02-02", "--to", "2026-02-02").status == 0


def test_refunds_cannot_be_allowed_at_a_real_gateway(
    settled: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "payment_gateway", lambda *_: RealGateway())
    said = settled.application("gateway", "allow-refunds", STUCK)
    assert (said.status, "The payment gateway is a real one." in said.errors) == (2, True)
