"""The store of the outside world: who waits together is written together, and for not too long."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.schema import CreateSchema

from application.ports import Booked, NeverTaken, PortFault
from application.simulators import outside, outside_database
from application.simulators.carrier import SimulatedCarrier
from application.simulators.gateway import SimulatedGateway
from application.simulators.outside import Desk, Question
from application.simulators.outside_database import outside_url
from domain.order import ShipTo
from tests.storage.stores import outside as outside_connection

ROOT = Path(__file__).parents[3]
HOME = ShipTo(country="US", postcode="45202")


@dataclass(frozen=True, slots=True)
class Say(Question[str]):
    """Asks to have a text said again."""

    text: str


class Echo(Desk):
    """A desk that says again what it is asked to, once it may."""

    tables = ()

    def __init__(self, store_url: str) -> None:
        super().__init__(store_url)
        self.groups: list[int] = []
        self.asked = Event()
        self.may_answer = Event()

    def answer(self, connection: Connection, questions: Sequence[Say]) -> list[object]:
        self.groups.append(len(questions))
        self.asked.set()
        assert self.may_answer.wait(30)
        if any(asked.text == "nonsense" for asked in questions):
            raise ValueError("nonsense")
        return [asked.text for asked in questions]

    def await_queue(self, length: int) -> None:
        wait_until(lambda: len(self._outside._queue) == length)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline
        sleep(0.001)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def desk(store: str) -> Iterator[Echo]:
    desk = Echo(store)
    yield desk
    desk.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as threads:
        yield threads


def test_those_who_wait_are_answered_together(desk: Echo, threads: ThreadPoolExecutor) -> None:
    first = threads.submit(desk.ask, Say("first"))
    assert desk.asked.wait(30)
    others = [threads.submit(desk.ask, Say(str(n))) for n in range(19)]
    desk.await_queue(19)
    desk.may_answer.set()
    assert first.result(30) == "first"
    assert [each.result(30) for each in others] == [str(n) for n in range(19)]
    assert desk.groups == [1, 19]


def test_a_long_queue_is_answered_in_groups(
    desk: Echo, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "GROUP", 5)
    first = threads.submit(desk.ask, Say("first"))
    assert desk.asked.wait(30)
    others = [threads.submit(desk.ask, Say(str(n))) for n in range(12)]
    desk.await_queue(12)
    desk.may_answer.set()
    assert first.result(30) == "first"
    assert [each.result(30) for each in others] == [str(n) for n in range(12)]
    assert max(desk.groups) == 5


def test_an_error_reaches_all_who_were_to_be_answered_together(
    desk: Echo, threads: ThreadPoolExecutor
) -> None:
    first = threads.submit(desk.ask, Say("first"))
    assert desk.asked.wait(30)
    others = [threads.submit(desk.ask, Say(text)) for text in ("good", "nonsense")]
    desk.await_queue(2)
    desk.may_answer.set()
    assert first.result(30) == "first"
    for each in others:
        with pytest.raises(PortFault, match="ValueError: nonsense"):
            each.result(30)
    assert desk.ask(Say("next")) == "next"


def test_nobody_waits_for_ever(
    desk: Echo, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.05)
    first = threads.submit(desk.ask, Say("first"))
    assert desk.asked.wait(30)
    with pytest.raises(PortFault, match="no answer within"):
        desk.ask(Say("second"))
    desk.may_answer.set()
    assert first.result(30) == "first"
    assert desk.ask(Say("third")) == "third"
    assert desk.groups == [1, 1], "who gave up is not answered any more"


def test_a_store_that_somebody_else_holds_is_a_fault_that_passes(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_database, "STORE_PATIENCE", 0.05)
    gateway = SimulatedGateway(f"sqlite:///{tmp_path / 'shop.db'}", 60, lambda: datetime.now(UTC))
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


def test_who_is_stopped_in_the_midst_of_an_answer_holds_up_nobody_for_long(
    postgres_store: str, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_database, "SILENCE", 0.1)
    stopped = Echo(postgres_store)
    answer = threads.submit(stopped.ask, Say("first"))
    assert stopped.asked.wait(30)
    # An address of its own, as if it were another process.
    gateway = SimulatedGateway(f"{postgres_store}&connect_timeout=9", 60, lambda: datetime.now(UTC))
    assert gateway.settle("a") == NeverTaken()
    stopped.may_answer.set()
    with pytest.raises(PortFault, match="idle-in-transaction"):
        answer.result(30)
    gateway.close()
    stopped.close()


def test_on_postgresql_it_is_in_the_schema_of_the_shop(postgres_store: str) -> None:
    name = 'My "Sh op'
    with outside_connection(postgres_store) as connection:
        connection.execute(CreateSchema(name))
        gateway = SimulatedGateway(postgres_store, 60, lambda: datetime.now(UTC), name)
        carrier = SimulatedCarrier(postgres_store, name)
        assert gateway.settle("a") == NeverTaken()
        assert isinstance(carrier.book("a", uuid4(), HOME), Booked)
        gateway.close()
        carrier.close()
        assert inspect(connection).get_table_names() == []
        tables = inspect(connection).get_table_names(name)
    assert sorted(tables) == ["outside_payments", "outside_refund_permits", "outside_shipments"]


def test_a_machine_that_is_gone_is_noticed(postgres_store: str) -> None:
    desk = Echo(f"{postgres_store}&keepalives_count=7")
    with desk._outside._engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        told = driver.info.get_parameters()
    desk.close()
    assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("5", "10000")
    assert told["keepalives_count"] == "7", "as the URL says"


def test_a_store_that_cannot_be_opened_is_a_fault(tmp_path: Path) -> None:
    gateway = SimulatedGateway(f"sqlite:///{tmp_path / 'no' / 'shop.db'}", 60, datetime.now)
    with pytest.raises(PortFault, match="unable to open database file"):
        gateway.settle("a")
    gateway.close()


def test_gateway_and_carrier_use_one_store_until_both_are_done(store: str) -> None:
    gateway = SimulatedGateway(store, 60, lambda: datetime.now(UTC))
    carrier = SimulatedCarrier(store)
    assert gateway.settle("a") == NeverTaken()
    gateway.close()
    assert isinstance(carrier.book("a", uuid4(), HOME), Booked)
    carrier.close()


def test_processes_that_start_together_make_the_store_once(store: str) -> None:
    script = (
        "from datetime import UTC, datetime\n"
        "from application.simulators.gateway import SimulatedGateway\n"
        "print('ready', flush=True)\n"
        "input()\n"
        f"gateway = SimulatedGateway({store!r}, 60, lambda: datetime.now(UTC))\n"
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
    assert [each.communicate(timeout=60)[0] for each in processes] == ["NeverTaken()\n"] * 6


def test_what_was_answered_survives_the_death_of_the_process(store: str) -> None:
    script = (
        "import os, signal\n"
        "from datetime import UTC, datetime\n"
        "from application.simulators.gateway import SimulatedGateway\n"
        f"gateway = SimulatedGateway({store!r}, 60, lambda: datetime.now(UTC))\n"
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
def test_the_store_of_the_outside_world_follows_from_the_shops(shop: str, beside: str) -> None:
    assert str(outside_url(shop)) == beside
