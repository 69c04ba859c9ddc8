"""`sagaline events` and `sagaline timeline`."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import LIMIT, SHOP, CommandLine
from tests.cli.orders import DECLINED, GOOD, STUCK, json_lines, order

FIELDS = [
    "application", "id", "position", "type", "topic", "key", "cause", "hop", "originator_id",
    "originator_version", "timestamp", "state",
]  # fmt: skip


def test_all_logs_are_printed_in_the_order_of_time(settled: CommandLine) -> None:
    lines = settled.sagaline("events").json_lines
    assert all(list(each) == FIELDS for each in lines)
    times = [each["timestamp"] for each in lines]
    assert times == sorted(times)
    logs = {each["application"] for each in lines}
    assert logs == {"Orders", "Inventory", "Payments", "Shipping", "OrderFulfilment"}
    for log in logs:
        ids = [each["id"] for each in lines if each["application"] == log]
        assert ids == sorted(set(ids))


def test_an_event_is_printed_with_its_type_position_and_cause(settled: CommandLine) -> None:
    first, *_ = settled.sagaline("events", "--application", "orders", "--json").json_lines
    assert first["application"] == "Orders"
    assert first["position"] == "orders:1"
    assert (first["type"], first["topic"]) == ("Order.Placed", "domain.order:Order.Placed")
    assert (first["key"], first["hop"], first["originator_id"]) == (GOOD, 0, GOOD)
    assert first["cause"].startswith("command:")
    assert first["state"]["total"] == {"amount": "19.98", "currency": "USD"}


@pytest.mark.parametrize("type", ["Order.Placed", "domain.order:Order.Placed"])
def test_events_are_filtered_by_type(settled: CommandLine, type: str) -> None:
    lines = settled.sagaline("events", "--type", type).json_lines
    assert [each["key"] for each in lines] == [GOOD, DECLINED, STUCK]


def test_the_commands_of_a_saga_are_among_them(settled: CommandLine) -> None:
    lines = settled.sagaline("events", "--type", "ReserveStock").json_lines
    assert {each["application"] for each in lines} == {"OrderFulfilment"}
    assert {each["state"]["command"]["order_id"] for each in lines} == {GOOD, DECLINED, STUCK}


def test_a_log_is_read_after_a_position(settled: CommandLine) -> None:
    lines = settled.sagaline("events", "--application", "Orders", "--after", "2").json_lines
    assert [each["id"] for each in lines] == [3, 4, 5]


def test_an_unknown_application_is_wrong_usage(settled: CommandLine) -> None:
    said = settled.sagaline("events", "--application", "Stores")
    assert said.status == 2
    assert "choose among Orders, Inventory" in said.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_follow_prints_new_events_until_a_signal_stops_it(
    sqlite_shop: CommandLine, number: signal.Signals
) -> None:
    sqlite_shop.application("place", "-", input=json_lines([order(GOOD)]))
    with sqlite_shop.started("sagaline", "events", "--follow") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["key"] == GOOD
        sqlite_shop.application("place", "-", input=json_lines([order(DECLINED)]))
        assert json.loads(process.stdout.readline())["key"] == DECLINED
        stock = json_lines([{"sku": "A1", "quantity": 1}])
        sqlite_shop.application("stock", "-", input=stock)
        assert json.loads(process.stdout.readline())["position"] == "inventory:1"
        process.send_signal(number)
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0
    assert errors == ""


def test_a_closed_pipe_ends_it_quietly(settled: CommandLine) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "sagaline", "--app", SHOP, "--store", str(settled.store), "events"],
        env=settled.env,
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_people_get_a_line_for_each_event_that_fits_their_terminal(settled: CommandLine) -> None:
    text = on_a_terminal(settled, "events", "--application", "orders", columns=60)
    first, *others = text.splitlines()
    assert len(others) == 4
    assert "orders:1" in first
    assert "Order.Placed" in first
    assert max(map(len, text.splitlines())) <= 60


def on_a_terminal(shop: CommandLine, *arguments: str, columns: int) -> str:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "sagaline", "--app", SHOP, "--store", str(shop.store), *arguments],
        env={**shop.env, "COLUMNS": str(columns), "LINES": "24"},
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
    )
    os.close(theirs)
    assert done.returncode == 0
    parts = []
    try:
        while part := os.read(ours, 1 << 16):
            parts.append(part)
    except OSError:
        pass  # how a terminal says that its other end is closed
    finally:
        os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")


def test_a_type_without_events_is_noted_on_stderr(settled: CommandLine) -> None:
    said = settled.sagaline("events", "--type", "Nope")
    assert (said.status, said.output) == (0, "")
    assert said.errors == "sagaline: There is no event of type Nope.\n"
    later = settled.sagaline("events", "--type", "Order.Placed", "--after", "99")
    assert later.errors == "sagaline: There is no event of type Order.Placed after 99.\n"
    assert settled.sagaline("events", "--type", "Order.Placed").errors == ""


def test_a_timeline_goes_from_cause_to_effect(settled: CommandLine) -> None:
    lines = settled.sagaline("timeline", DECLINED, "--json").json_lines
    assert {each["key"] for each in lines} == {DECLINED}
    hops = [each["hop"] for each in lines]
    assert hops == sorted(hops)
    assert [each["type"] for each in lines if each["application"] != "Inventory"] == [
        "Order.Placed",
        "SagaStarted",
        "ReserveStock",
        "TakePayment",
        "Payment.Declined",
        "ReleaseStock",
        "CancelOrder",
        "SagaEnded",
        "Order.Cancelled",
    ]
    seen: set[str] = set()
    for each in lines:
        seen.add(each["position"])
        assert each["cause"] in seen or each["cause"].startswith("command:")


@pytest.mark.parametrize("columns", [60, 90])
def test_a_timeline_in_a_pipe_has_the_width_of_columns(settled: CommandLine, columns: int) -> None:
    said = settled.given(COLUMNS=str(columns)).sagaline("timeline", DECLINED)
    longest = max(map(len, said.output.splitlines()))
    assert columns - 20 < longest <= columns
    unasked = settled.given(COLUMNS="0").sagaline("timeline", DECLINED)
    for text in (said.output, unasked.output):
        assert "\N{HORIZONTAL ELLIPSIS}" not in text
        assert "payment method" in " ".join(text.split())


def test_a_timeline_for_people_has_a_line_for_each_event(settled: CommandLine) -> None:
    output = settled.sagaline("timeline", DECLINED).output
    assert DECLINED in output.splitlines()[0]
    assert "undo reserve_stock" in output
    assert "reason card declined" in output
    assert not [line for line in output.splitlines() if line.endswith(" ")]


def test_an_unknown_key_is_refused(settled: CommandLine) -> None:
    said = settled.sagaline("timeline", "nobody")
    assert said.status == 2
    assert said.errors == "sagaline: No log has an event of nobody.\n"


def test_a_full_disk_under_the_output_is_reported_in_one_line(settled: CommandLine) -> None:
    command = [
        sys.executable, "-m", "sagaline", "--app", SHOP, "--store", str(settled.store), "events",
    ]  # fmt: skip
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            cwd=settled.folder,
            env=settled.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
        )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No space left on device" in done.stderr
