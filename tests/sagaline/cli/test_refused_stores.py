"""Every command leaves a store that it refuses unchanged, byte for byte."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from sagaline.storage import Datastore, own_store
from tests.cli.command_line import CommandLine, Said
from tests.cli.orders import GOOD, json_lines, order
from tests.sagaline.storage.stores import outside

MEMBERS = ["Orders", "Inventory", "Payments", "Shipping", "OrderFulfilment"]


def of_another_system(path: Path) -> None:
    datastore = Datastore.open(f"sqlite:///{path}")
    own_store(datastore, "warehouse", MEMBERS)
    datastore.close()


def of_a_newer_version(path: Path) -> None:
    of_another_system(path)
    sql(path, "UPDATE store SET version = 999, system = 'shop'")


def with_a_store_table_of_its_own(path: Path) -> None:
    sql(path, "CREATE TABLE store (id INTEGER, city TEXT)", "INSERT INTO store VALUES (1, 'Ulm')")


def with_a_table_that_is_called_like_one_of_ours(path: Path) -> None:
    sql(path, "CREATE TABLE timers (id INTEGER, rings TEXT)")


def cut_off(path: Path) -> None:
    sql(path, "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (zeroblob(20000))")
    path.write_bytes(path.read_bytes()[:9_000])


def no_database(path: Path) -> None:
    path.write_bytes(b"text " * 999)


def left_in_the_middle_of_a_write(path: Path) -> None:
    of_another_system(path)
    sql(path, "PRAGMA journal_mode = delete")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        for number in range(50):
            writer.execute("INSERT INTO commands VALUES (?, zeroblob(9000), '', 1, 1)", [number])
        left = files_beside(path)
    put_back(path, left)


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for each in statements:
            connection.execute(each).fetchall()


def files_beside(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}


def put_back(path: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (path.parent / name).write_bytes(content)


def file_of(shop: CommandLine) -> Path:
    assert shop.store is not None
    return Path(shop.store.removeprefix("sqlite:///"))


def every_command(shop: CommandLine) -> list[Said]:
    (shop.folder / "orders").write_text(json_lines([order()]))
    (shop.folder / "stock").write_text(json_lines([{"sku": "A1", "quantity": 1}]))
    return [
        shop.application("place", "orders"),
        shop.application("stock", "stock"),
        shop.sagaline("run", "--until-settled"),
        shop.sagaline("status"),
        shop.sagaline("rebuild"),
        shop.sagaline("events"),
        shop.application("orders"),
        shop.application("gateway", "allow-refunds", GOOD),
    ]


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (of_another_system, "'warehouse', not to 'shop'"),
        (of_a_newer_version, "schema version 999"),
        (with_a_store_table_of_its_own, "its table 'store' is not one of Sagaline"),
        (with_a_table_that_is_called_like_one_of_ours, "its table 'timers' is not one of Sagaline"),
    ],
)
def test_the_database_of_another_program_is_left_unchanged(
    sqlite_shop: CommandLine, make: Callable[[Path], None], reason: str, mode: str
) -> None:
    make(file_of(sqlite_shop))
    sql(file_of(sqlite_shop), f"PRAGMA journal_mode = {mode}")
    is_left_alone(sqlite_shop, reason)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (no_database, "is not a SQLite database"),
        (cut_off, "malformed"),
        (left_in_the_middle_of_a_write, "was left in the middle of a write"),
    ],
)
def test_a_damaged_file_is_left_unchanged(
    sqlite_shop: CommandLine, make: Callable[[Path], None], reason: str
) -> None:
    make(file_of(sqlite_shop))
    is_left_alone(sqlite_shop, reason)


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ("CREATE TABLE store (id int, city text)", "its table 'store' is not one of Sagaline"),
        ("CREATE TABLE timers (id int, rings text)", "its table 'timers' is not one of Sagaline"),
    ],
)
def test_the_database_of_another_program_on_a_server_is_left_unchanged(
    run: CommandLine, postgres_store: str, theirs: str, reason: str
) -> None:
    with outside(postgres_store) as connection:
        connection.exec_driver_sql(theirs)
        for said in every_command(run.on(postgres_store)):
            assert (said.status, said.output, said.errors.count("\n")) == (2, "", 1)
            assert reason in said.errors
        (table,) = inspect(connection).get_table_names()
        assert table in theirs


@pytest.mark.parametrize("name", ["orders_events", "inventory_snapshots", "order_list"])
@pytest.mark.parametrize("made", ["TABLE {} (id int, state text)", "VIEW {} AS SELECT 1 AS id"])
def test_a_foreign_table_with_the_name_of_a_log_or_read_table_is_left_unchanged(
    shop: CommandLine, name: str, made: str
) -> None:
    assert shop.store is not None
    with outside(shop.store) as connection:
        connection.exec_driver_sql(f"CREATE {made.format(name)}")
        before = inspect(connection).get_table_names()
        (shop.folder / "place").write_text(json_lines([order()]))
        (shop.folder / "stock").write_text(json_lines([{"sku": "A1", "quantity": 1}]))
        intake = "stock" if name == "inventory_snapshots" else "place"
        for said in shop.sagaline("run", "--until-settled"), shop.application(intake, intake):
            assert (said.status, said.output, said.errors.count("\n")) == (2, "", 1)
            assert f"its table {name!r} is not one of Sagaline" in said.errors
        assert inspect(connection).get_table_names() == before


def is_left_alone(shop: CommandLine, reason: str) -> None:
    before = files_beside(file_of(shop))
    for said in every_command(shop):
        assert said.status == 2
        assert reason in said.errors
        assert (said.output, said.errors.count("\n")) == ("", 1)
        assert files_beside(file_of(shop)) == before


def test_the_write_ahead_log_of_another_program_is_left_unchanged(
    sqlite_shop: CommandLine,
) -> None:
    path = file_of(sqlite_shop)
    of_another_system(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
        theirs.execute("UPDATE store SET system = 'theirs'")
        before = files_beside(path)
        refused_and_left_alone(sqlite_shop, before)
    put_back(path, before)  # as it stands after a power cut
    refused_and_left_alone(sqlite_shop, before)


def refused_and_left_alone(shop: CommandLine, before: dict[str, bytes]) -> None:
    for said in every_command(shop):
        assert (said.status, "belongs to the system 'theirs'" in said.errors) == (2, True)
    after = files_beside(file_of(shop))
    assert after.keys() == before.keys() == {"store.db", "store.db-wal", "store.db-shm"}
    for name in ("store.db", "store.db-wal"):  # the third says who reads, and is made again
        assert after[name] == before[name]


def test_a_file_is_recognised_by_its_uri_as_well(run: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "their shop.db"
    of_another_system(path)
    sql(path, "PRAGMA journal_mode = delete")
    before = files_beside(path)
    shop = run.on(f"sqlite:///file:{tmp_path}/their%20shop.db?uri=true")
    said = shop.sagaline("run", "--until-settled")
    assert (said.status, "'warehouse'" in said.errors) == (2, True)
    assert files_beside(path) == before


def test_no_store_is_created_where_another_is_refused(
    sqlite_shop: CommandLine, tmp_path: Path
) -> None:
    views = tmp_path / "views.db"
    of_another_system(views)
    before = files_beside(views)
    run = sqlite_shop.given(SAGALINE_VIEWS=f"sqlite:///{views}")
    said = run.sagaline("run", "--until-settled")
    assert (said.status, "'warehouse'" in said.errors) == (2, True)
    assert files_beside(views) == before


def test_a_database_may_be_shared_with_another_program(sqlite_shop: CommandLine) -> None:
    sql(file_of(sqlite_shop), "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (7)")
    placed = sqlite_shop.application("place", "-", input=json_lines([order()]))
    assert placed.status == 0
    assert sqlite_shop.sagaline("run", "--until-settled").status == 0
    with closing(sqlite3.connect(file_of(sqlite_shop))) as theirs:
        assert theirs.execute("SELECT x FROM theirs").fetchall() == [(7,)]


def test_the_gateway_creates_no_file_beside_a_database_that_is_no_store(
    sqlite_shop: CommandLine,
) -> None:
    sql(file_of(sqlite_shop), "CREATE TABLE theirs (x)")
    before = files_beside(file_of(sqlite_shop))
    said = sqlite_shop.application("gateway", "allow-refunds", GOOD)
    assert (said.status, "it has no tables of Sagaline" in said.errors) == (2, True)
    assert files_beside(file_of(sqlite_shop)) == before


IN_MEMORY = ("sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true")


@pytest.mark.parametrize("url", IN_MEMORY)
def test_no_command_acknowledges_into_memory(run: CommandLine, url: str) -> None:
    asked = run.on(url)
    said = [
        asked.sagaline("run", "--until-settled"),
        asked.sagaline("rebuild"),
        asked.sagaline("status"),
        asked.application("place", "-", input=json_lines([order()])),
        asked.application("orders"),
        run.given(SAGALINE_VIEWS=url).on("sqlite:///shop.db").sagaline("run", "--until-settled"),
        run.given(ORDERS_SQLALCHEMY_URL=url).on("sqlite:///shop.db").sagaline("status"),
    ]
    assert [each.status for each in said] == [2] * len(said)
    assert ["it is in memory" in each.errors for each in said] == [True] * len(said)
    assert [each.output for each in said] == [""] * len(said)
