"""The store of the outside world: one writer at a time, with short waits."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, inspect
from sqlalchemy.schema import CreateSchema

from application.ports import Booked, NeverTaken, PortFault
from application.simulators import outside
from application.simulators.outside import OutsideStore, outside_url
from domain.order import ShipTo
from tests.application.one_by_one import SingleCarrier, SingleGateway
from tests.sagaline.storage.stores import outside as outside_connection

ROOT = Path(__file__).parents[3]
HOME = ShipTo(country="US", postcode="45202")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as threads:
        yield threads


def test_only_the_owner_can_read_the_file(store: str, tmp_path: Path) -> None:
    gateway = SingleGateway(store, 60, lambda: datetime.now(UTC))
    assert gateway.settle("a") == NeverTaken()
    modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.glob("shop.outside.db*")}
    assert modes
    assert set(modes.values()) == {0o600}
    gateway.close()


def test_an_error_rolls_the_transaction_back_and_the_store_works_on(store: str) -> None:
    gateway = SingleGateway(store, 60, lambda: datetime.now(UTC))
    with (
        pytest.raises(PortFault, match="UNIQUE constraint failed"),
        gateway._store.transaction() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO outside_refund_permits VALUES ('x'), ('y'), ('x')")
    with gateway._store.transaction() as connection:
        assert connection.exec_driver_sql("SELECT * FROM outside_refund_permits").all() == []
    assert gateway.settle("a") == NeverTaken()
    gateway.close()


def test_a_store_that_another_process_has_locked_is_a_fault_that_passes(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "LOCK_TIMEOUT", 0.05)
    gateway = SingleGateway(f"sqlite:///{tmp_path / 'shop.db'}", 60, lambda: datetime.now(UTC))
    gateway.settle("before")
    holder = sqlite3.connect(tmp_path / "shop.outside.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    asked = [threads.submit(gateway.settle, f"key {n}") for n in range(20)]
    for each in asked:
        with pytest.raises(PortFault, match="database is locked"):
            each.result(30)
    holder.execute("ROLLBACK")
    holder.close()
    assert gateway.settle("key 1") == NeverTaken()
    gateway.close()


def test_a_process_that_stops_in_a_transaction_holds_up_nobody_for_long(
    postgres_store: str, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(outside.SESSION, "idle_in_transaction_session_timeout", "100ms")
    stopped = OutsideStore(MetaData(), postgres_store)
    is_open, may_end = Event(), Event()

    def stop() -> None:
        with stopped.transaction():
            is_open.set()
            assert may_end.wait(30)

    transaction = threads.submit(stop)
    assert is_open.wait(30)
    # An address of its own, as if it were another process.
    gateway = SingleGateway(f"{postgres_store}&connect_timeout=9", 60, lambda: datetime.now(UTC))
    assert gateway.settle("a") == NeverTaken()
    may_end.set()
    with pytest.raises(PortFault, match="idle-in-transaction"):
        transaction.result(30)
    gateway.close()
    stopped.close()


def test_on_postgresql_the_tables_are_in_the_schema_of_the_shop(postgres_store: str) -> None:
    name = 'My "Sh op'
    with outside_connection(postgres_store) as connection:
        connection.execute(CreateSchema(name))
        gateway = SingleGateway(postgres_store, 60, lambda: datetime.now(UTC), name)
        carrier = SingleCarrier(postgres_store, name)
        assert gateway.settle("a") == NeverTaken()
        assert isinstance(carrier.book("a", uuid4(), HOME), Booked)
        gateway.close()
        carrier.close()
        assert inspect(connection).get_table_names() == []
        tables = inspect(connection).get_table_names(name)
    assert sorted(tables) == ["outside_payments", "outside_refund_permits", "outside_shipments"]


def test_a_connection_notices_a_lost_machine(postgres_store: str) -> None:
    store = OutsideStore(MetaData(), f"{postgres_store}&keepalives_count=7")
    with store.transaction() as connection:
        driver: Any = connection.connection.dbapi_connection
        told = driver.info.get_parameters()
    store.close()
    assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("5", "10000")
    assert told["keepalives_count"] == "7", "as the URL says"


def test_a_store_that_cannot_be_opened_is_a_fault(tmp_path: Path) -> None:
    gateway = SingleGateway(
        f"sqlite:///{tmp_path / 'no' / 'shop.db'}", 60, lambda: datetime.now(UTC)
    )
    with pytest.raises(PortFault, match="unable to open database file"):
        gateway.settle("a")
    gateway.close()


def test_gateway_and_carrier_use_one_store(store: str) -> None:
    gateway = SingleGateway(store, 60, lambda: datetime.now(UTC))
    carrier = SingleCarrier(store)
    assert gateway.settle("a") == NeverTaken()
    gateway.close()
    assert isinstance(carrier.book("a", uuid4(), HOME), Booked)
    carrier.close()


def test_processes_that_start_together_create_the_store_once(store: str) -> None:
    script = (
        "from datetime import UTC, datetime\n"
        "from tests.application.one_by_one import SingleGateway\n"
        "print('ready', flush=True)\n"
        "input()\n"
        f"gateway = SingleGateway({store!r}, 60, lambda: datetime.now(UTC))\n"
        "print(gateway.settle('a'))\n"
        "gateway.close()\n"
    )
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) for _ in range(6)
    ]
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate(timeout=300)[0] for each in processes] == ["NeverTaken()\n"] * 6


def test_an_answer_survives_the_death_of_the_process(store: str) -> None:
    script = (
        "import os, signal\n"
        "from datetime import UTC, datetime\n"
        "from tests.application.one_by_one import SingleGateway\n"
        f"gateway = SingleGateway({store!r}, 60, lambda: datetime.now(UTC))\n"
        "print(gateway.settle('a'), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=False
    )
    assert said.stdout == b"NeverTaken()\n"
    books = sqlite3.connect(outside_url(store).database or "")
    assert books.execute("SELECT key, outcome FROM outside_payments").fetchall() == [
        ("a", "never taken")
    ]
    books.close()


@pytest.mark.parametrize(
    ("shop", "beside"),
    [
        ("sqlite:///shop.db", "sqlite:///shop.outside.db"),
        ("sqlite:////var/shop.v2/shop", "sqlite:////var/shop.v2/shop.outside"),
        ("sqlite:///a.b.sqlite3?timeout=9", "sqlite:///a.b.outside.sqlite3?timeout=9"),
        ("sqlite:///file:shop.db?uri=true", "sqlite:///file:shop.outside.db?uri=true"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite://"),
        ("sqlite:///file:shop?mode=memory&uri=true", "sqlite://"),
        ("postgresql+psycopg://me@host/shop", "postgresql+psycopg://me@host/shop"),
    ],
)
def test_the_address_of_the_outside_store_follows_from_the_shops(shop: str, beside: str) -> None:
    assert str(outside_url(shop)) == beside
