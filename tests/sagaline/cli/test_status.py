"""`sagaline status`, and the stores that it refuses and leaves unchanged."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text, update

from sagaline.storage import Datastore, own_store
from sagaline.storage.tables.dead_letters import Letter, add_letters
from sagaline.storage.tables.port_calls import CallRow, add_calls
from sagaline.storage.tables.schema import store as store_table
from tests.cli.command_line import LIMIT, CommandLine
from tests.cli.orders import GOOD, json_lines, order
from tests.sagaline.storage.stores import outside


def file_of(shop: CommandLine) -> Path:
    assert shop.store is not None
    return Path(shop.store.removeprefix("sqlite:///"))


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_a_missing_store_is_not_created(sqlite_shop: CommandLine) -> None:
    for command in ("status", "events", "timeline x", "sagas list", "timers list"):
        said = sqlite_shop.sagaline(*command.split())
        assert said.status == 2
        assert said.errors.endswith("cannot be used: it does not exist.\n")
    for command in ("orders", "sales", "stock-levels", f"order {GOOD}"):
        assert sqlite_shop.application(*command.split()).status == 2
    assert not file_of(sqlite_shop).exists()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_status_leaves_the_database_of_another_program_unchanged(
    sqlite_shop: CommandLine, mode: str
) -> None:
    path = file_of(sqlite_shop)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    before = path.read_bytes()
    said = sqlite_shop.sagaline("status")
    assert said.status == 2
    assert "it has no tables of Sagaline" in said.errors
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it has no tables of Sagaline"), (b"text " * 999, "is not a SQLite database")],
)
def test_a_file_that_is_no_store_is_left_unchanged(
    sqlite_shop: CommandLine, content: bytes, reason: str
) -> None:
    path = file_of(sqlite_shop)
    path.write_bytes(content)
    said = sqlite_shop.sagaline("status")
    assert said.status == 2
    assert reason in said.errors
    assert said.errors.count("\n") == 1
    assert path.read_bytes() == content


def test_a_store_in_memory_is_refused(run: CommandLine) -> None:
    said = run.on("sqlite://").sagaline("status")
    assert (said.status, "it is in memory" in said.errors) == (2, True)


def test_the_store_of_another_system_is_refused(shop: CommandLine) -> None:
    assert shop.store is not None
    datastore = Datastore.open(shop.store)
    own_store(datastore, "warehouse", ["Orders", "Inventory", "Payments", "Shipping"])
    datastore.close()
    said = shop.sagaline("status")
    assert said.status == 2
    assert "warehouse" in said.errors
    assert shop.application("orders").status == 2
    assert shop.sagaline("run", "--until-settled").status == 2
    taken = shop.application("place", "-", input=json_lines([order()]))
    assert (taken.status, taken.output) == (2, "")


def test_the_store_of_a_newer_version_is_refused_and_left_unchanged(
    sqlite_shop: CommandLine,
) -> None:
    assert sqlite_shop.store is not None
    datastore = Datastore.open(sqlite_shop.store)
    own_store(datastore, "shop", [])
    with datastore.write() as connection:
        connection.execute(update(store_table).values(version=999))
    datastore.close()
    before = dump(file_of(sqlite_shop))
    lines = json_lines([order()])
    for said in (
        sqlite_shop.sagaline("status"),
        sqlite_shop.application("orders"),
        sqlite_shop.sagaline("run", "--until-settled"),
        sqlite_shop.application("place", "-", input=lines),
        sqlite_shop.application("gateway", "allow-refunds", GOOD),
    ):
        assert said.status == 2
        assert "schema version 999" in said.errors
        assert said.errors.count("\n") == 1
    assert dump(file_of(sqlite_shop)) == before


def test_a_server_that_is_out_of_reach_is_named_without_its_password(run: CommandLine) -> None:
    said = run.on("postgresql+psycopg://shop:secret@127.0.0.1:1/shop").sagaline("status")
    assert said.status == 2
    assert "secret" not in said.errors
    assert said.errors.count("\n") == 1


def test_status_changes_nothing_and_shows_the_lag(sqlite_shop: CommandLine) -> None:
    sqlite_shop.application("place", "-", input=json_lines([order()]))
    before = dump(file_of(sqlite_shop))
    status = sqlite_shop.sagaline("status", "--json")
    assert status.status == 0
    assert dump(file_of(sqlite_shop)) == before
    found = {(each["follower"], each["leader"]): each for each in status.json["followers"]}
    waiting = found["order_list", "Orders"]
    assert (waiting["position"], waiting["head"], waiting["lag"]) == (0, 1, 1)
    assert waiting["lag_seconds"] > 0
    assert (waiting["state"], waiting["owner"]) == ("behind", None)
    assert found["Orders", "OrderFulfilment"]["state"] == "new", "nobody has led it yet"


def test_a_settled_system_has_no_lag(settled: CommandLine) -> None:
    said = settled.sagaline("status", "--json")
    assert said.status == 1, "a saga is parked"
    assert said.json.keys() == {
        "system", "stores", "followers", "tables_out_of_date", "sagas", "dead_letters", "timers",
        "locks", "port_calls", "runners", "held_up", "late",
    }  # fmt: skip
    assert {each["lag"] for each in said.json["followers"]} == {0}
    assert {each["state"] for each in said.json["followers"]} == {"idle"}, "nobody leads them now"
    assert said.json["sagas"] == {"running": 0, "compensating": 0, "parked": 1}
    assert said.json["tables_out_of_date"] == []
    assert (said.json["dead_letters"], said.json["timers"]) == (0, 0)


def test_the_status_for_people_is_a_table(settled: CommandLine) -> None:
    output = settled.sagaline("status").output
    assert output.splitlines()[0].split() == [
        "follower", "leader", "position", "lag", "age", "state", "owner",
    ]  # fmt: skip
    assert "open sagas          1 parked" in output
    first = output.splitlines()[2].split()
    assert (first[:2], first[3:]) == (["Orders", "OrderFulfilment"], ["0", "idle", "nobody"])
    assert "\nrunners             none: nobody runs it\n" in output


def test_a_follower_that_was_never_run_is_new(sqlite_shop: CommandLine) -> None:
    stock = json_lines([{"sku": "A1", "quantity": 1}])
    assert sqlite_shop.application("stock", "-", input=stock).status == 0
    before = sqlite_shop.sagaline("status", "--json").json["followers"]
    states = {each["follower"]: each["state"] for each in before}
    assert (states["order_list"], states["stock_level"]) == ("new", "behind")
    assert sqlite_shop.sagaline("run", "--until-settled").status == 0
    after = sqlite_shop.sagaline("status", "--json").json["followers"]
    assert {each["state"] for each in after} == {"idle"}


def test_the_owner_of_each_follower_is_shown(sqlite_shop: CommandLine) -> None:
    sqlite_shop.application("place", "-", input=json_lines([order()]))
    with sqlite_shop.started("sagaline", "run") as process:
        waiting = ("orders", "--wait", "orders:1", "--timeout", str(LIMIT))
        assert sqlite_shop.application(*waiting).status == 0
        found = sqlite_shop.sagaline("status", "--json").json
        assert found["runners"] == 1
        assert all(f":{process.pid}:" in each["owner"] for each in found["followers"])
        assert {each["state"] for each in found["followers"]} <= {"following", "behind"}


@pytest.mark.parametrize(
    ("ends_in", "lease"),
    [
        (3_600, "wrong, so free: that of elsewhere:7 would end in 60 min"),
        (-3_600, "expired: that of elsewhere:7 ended 60 min ago"),
    ],
)
def test_a_lease_that_does_not_hold_is_named(shop: CommandLine, ends_in: float, lease: str) -> None:
    assert shop.application("place", "-", input=json_lines([order()])).status == 0
    assert shop.sagaline("run", "--until-settled").status == 0
    assert shop.store is not None
    with outside(shop.store) as connection:
        row = {"until": time.time() + ends_in, "owner": "elsewhere:7:abcd-4"}
        statement = text("UPDATE followers SET owner = :owner, lease_until = :until")
        connection.execute(statement, row)
    found = shop.sagaline("status", "--json").json
    assert found["runners"] == 0
    assert {(each["state"], each["owner"], each["lease"]) for each in found["followers"]} == {
        ("idle", None, lease)
    }
    assert f"nobody: the lease is {lease}" in shop.given(COLUMNS="200").sagaline("status").output


def test_dead_letters_need_attention(sqlite_shop: CommandLine) -> None:
    assert sqlite_shop.sagaline("run", "--until-settled").status == 0
    park(sqlite_shop, "bug\nin \x1b[31ma handler")
    status = sqlite_shop.sagaline("status", "--json")
    assert (status.status, status.json["dead_letters"]) == (1, 1)
    states = {each["follower"]: each["state"] for each in status.json["followers"]}
    assert (states["order_list"], states["order_detail"]) == ("parked", "idle")
    listed = sqlite_shop.sagaline("dead-letters", "list", "--json")
    assert listed.status == 1
    (letter,) = listed.json
    assert letter["id"] == "order_list/orders:7"
    assert (letter["event"], letter["type"], letter["key"]) == ("orders:7", "Order.Placed", GOOD)
    text = sqlite_shop.sagaline("dead-letters", "list").output
    assert "bug in \\x1b[31ma handler" in text
    assert sqlite_shop.sagaline("run", "--until-settled").status == 1


def test_calls_without_an_answer_are_named_with_the_oldest(sqlite_shop: CommandLine) -> None:
    assert sqlite_shop.application("place", "-", input=json_lines([order(GOOD)])).status == 0
    assert sqlite_shop.sagaline("run", "--until-settled").status == 0
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    row = CallRow("Payments", "OrderFulfilment", 7, 1, GOOD, "t", "TakePayment", 2, since)
    later = row._replace(position=8, number=2, key=None, since=since + 9)
    behind = row._replace(position=9, number=3, command=None, attempt=None)
    note(sqlite_shop, row, later, behind)
    (first, second) = sqlite_shop.sagaline("status", "--json").json["port_calls"]
    assert first == {
        "follower": "Payments", "command": "TakePayment", "attempt": 2, "key": GOOD,
        "since": "2026-01-02T03:04:05+00:00", "count": 2,
    }  # fmt: skip
    assert (second["command"], second["count"]) == (None, 1)
    text = sqlite_shop.sagaline("status").output
    assert "TakePayment, attempt 2" in text
    shown = sqlite_shop.sagaline("sagas", "show", GOOD)
    assert "Payments: TakePayment, attempt 2, since 2026-01-02 03:04:05" in shown.output
    calls = sqlite_shop.sagaline("sagas", "show", GOOD, "--json").json["port_calls"]
    assert [each["command"] for each in calls] == ["TakePayment", None]


def note(shop: CommandLine, *rows: CallRow) -> None:
    assert shop.store is not None
    datastore = Datastore.open(shop.store)
    with datastore.write() as connection:
        add_calls(connection, rows)
    datastore.close()


def park(shop: CommandLine, error: str) -> None:
    assert shop.store is not None
    topic = "domain.order:Order.Placed"
    letter = Letter("order_list", "Orders", 7, GOOD, topic, error, "", 3, datetime.now(UTC))
    datastore = Datastore.open(shop.store)
    with datastore.write() as connection:
        add_letters(connection, [letter])
    datastore.close()
