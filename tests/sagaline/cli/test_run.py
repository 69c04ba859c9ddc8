"""`sagaline run`."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.cli.command_line import LIMIT, CommandLine
from tests.cli.orders import ACCEPTED, GOOD, json_lines, order
from tests.sagaline.small_system import until
from tests.sagaline.storage.stores import outside

STOCK = json_lines([{"sku": "A1", "quantity": 100}])


def placed(shop: CommandLine, *orders: object) -> None:
    assert shop.application("stock", "-", input=STOCK).status == 0
    assert shop.application("place", "-", input=json_lines(orders)).status == 0


def test_it_returns_when_there_is_nothing_left_to_do(shop: CommandLine) -> None:
    placed(shop, order())
    said = shop.sagaline("run", "--until-settled", "--json")
    assert said.status == 0
    assert said.json["settled"] is True
    assert said.json["sagas"]["completed"] == 1
    assert said.json["dead_letters"] == 0
    assert said.json["seconds"] > 0
    assert shop.application("orders", "--json").json[0]["status"] == "completed"


def test_its_exit_status_is_1_where_something_needs_attention(shop: CommandLine) -> None:
    placed(shop, *ACCEPTED)
    said = shop.sagaline("run", "--until-settled")
    assert said.status == 1
    assert "Settled after" in said.output
    assert "1 parked, 1 completed, 1 compensated" in said.output
    assert said.errors.startswith("shop on ")


def test_a_late_timer_does_not_hold_it_up_beyond_the_horizon(shop: CommandLine) -> None:
    placed(shop, order(payment_method="pm_timeout"))
    said = shop.sagaline("run", "--until-settled", "--horizon", "60", "--json")
    assert (said.status, said.json["sagas"]["running"]) == (0, 1)
    timers = shop.sagaline("timers", "list", "--json").json
    assert {each["command"] for each in timers} == {"SettlePayment", "StepTimedOut"}
    assert {each["key"] for each in timers} == {GOOD}
    assert "SettlePayment" in shop.sagaline("timers", "list").output


@pytest.mark.parametrize("names", [["Orders", "order_list"], ["Orders", "--only", "order_list"]])
def test_it_runs_only_the_followers_that_are_named(
    sqlite_shop: CommandLine, names: list[str]
) -> None:
    placed(sqlite_shop, order())
    with sqlite_shop.started("sagaline", "run", "--only", *names) as process:
        listed = sqlite_shop.application(
            "orders", "--json", "--wait", "orders:1", "--timeout", str(LIMIT)
        )
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT)
    assert "leads Orders, order_list\n" in errors
    assert [each["status"] for each in listed.json] == ["placed"]
    followers = sqlite_shop.sagaline("status", "--json").json["followers"]
    assert {each["follower"] for each in followers if each["position"]} == {"order_list"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [[], ["--until-settled"]])
def test_a_signal_stops_it_cleanly(
    sqlite_shop: CommandLine, number: signal.Signals, options: list[str]
) -> None:
    placed(sqlite_shop, order(payment_method="pm_timeout"))
    with sqlite_shop.started("sagaline", "run", *options) as process:
        # The saga's timer is due in many minutes, so the system does not settle by itself.
        waited = sqlite_shop.application(
            "orders", "--wait", "orderfulfilment:3", "--timeout", str(LIMIT)
        )
        assert waited.status == 0
        process.send_signal(number)
        output, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0
    assert "Traceback" not in errors
    assert ("Stopped before it was settled." in output) is bool(options)
    owners = {each["owner"] for each in sqlite_shop.sagaline("status", "--json").json["followers"]}
    assert owners == {None}


@pytest.mark.parametrize(("command", "pauses"), [("run", False), ("run", True), ("rebuild", False)])
def test_a_signal_ends_it_while_the_store_is_locked(
    shop: CommandLine, command: str, pauses: bool
) -> None:
    placed(shop, order())
    assert shop.sagaline("run", "--until-settled").status == 0
    assert shop.store is not None
    with outside(shop.store) as another:
        is_sqlite = another.dialect.name == "sqlite"
        another.exec_driver_sql("BEGIN EXCLUSIVE" if is_sqlite else "BEGIN; LOCK TABLE followers")
        with shop.given(SAGALINE_LOCK_TIMEOUT="1000").started("sagaline", command) as process:
            until(lambda: uses_a_store(process))
            if pauses:
                process.send_signal(signal.SIGSTOP)
                process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=LIMIT)
        another.exec_driver_sql("ROLLBACK")
    assert process.returncode == 0
    assert "Traceback" not in errors


def uses_a_store(process: "subprocess.Popen[str]") -> bool:
    """Whether a process has loaded the driver of PostgreSQL, or has a file of SQLite open."""
    own = Path(f"/proc/{process.pid}")
    if "libpq" in (own / "maps").read_text():
        return True
    # It may close some of them meanwhile.
    return any(os.path.realpath(each).endswith("store.db") for each in (own / "fd").iterdir())


def test_two_runs_share_the_work(sqlite_shop: CommandLine) -> None:
    placed(sqlite_shop, *ACCEPTED)
    with sqlite_shop.started("sagaline", "run", "--until-settled", "--json") as other:
        said = sqlite_shop.sagaline("run", "--until-settled", "--json")
        output, _ = other.communicate(timeout=LIMIT)
    for sagas in (said.json["sagas"], json.loads(output)["sagas"]):
        assert (sagas["parked"], sagas["completed"], sagas["compensated"]) == (1, 1, 1)


def test_a_runner_whose_thread_dies_ends_the_command(run: CommandLine, postgres_store: str) -> None:
    shop = run.on(postgres_store)
    placed(shop, order(payment_method="pm_timeout"))
    with shop.started("sagaline", "run", "--until-settled") as process:
        waiting = ("orders", "--wait", "orderfulfilment:3", "--timeout", str(LIMIT))
        assert shop.application(*waiting).status == 0
        engine = create_engine(postgres_store, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # The names of owners are no numbers, so this fails at once.
            connection.exec_driver_sql("ALTER TABLE followers ALTER owner TYPE int USING 0")
        engine.dispose()
        _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 2
    assert "operator does not exist" in errors.splitlines()[-1]


def test_a_run_ends_when_its_store_is_lost(run: CommandLine, sqlite_store: str) -> None:
    lost = run.on(sqlite_store)
    assert lost.application("place", "-", input=json_lines([order(GOOD)])).status == 0
    with lost.started("sagaline", "run") as running:
        assert running.stderr is not None
        while "leads" not in running.stderr.readline():
            pass
        Path(sqlite_store.removeprefix("sqlite:///")).unlink()
        assert running.wait(LIMIT) == 2
        assert "its file was" in running.stderr.read().splitlines()[-1]
