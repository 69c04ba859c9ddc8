"""A runner that is killed at each commit of a late answer: nothing is lost, nothing doubled."""

import os
import signal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event

from tests.sagaline.runner.test_thousand_calls import (
    Gateway,
    OpenTrip,
    Trips,
    charges,
    running,
    under_way,
)
from tests.sagaline.small_system import PATIENCE, PROCESSES, letters, until

TRIPS = 5

ASKED = "INSERT INTO port_calls"
HANDLED = "DELETE FROM port_calls"
TAKEN_OVER = "UPDATE followers SET fence=("
"""What the transactions write: that calls are under way, that they are handled, who leads."""


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(written: str, before: bool) -> None:
    """From now on, this process is killed before or after a commit of what is written."""
    found: set[Any] = set()

    def note(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(written):
            found.add(connection.connection.dbapi_connection)

    def commit(connection: Connection) -> None:
        if before and connection.connection.dbapi_connection in found:
            die()

    def returned(connection: Any, *_: Any) -> None:
        if connection in found:
            die()

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", commit)
    event.listen(Engine, "checkin", returned)


def run_until_killed(store: str, written: str, before: bool) -> None:
    gateway = Gateway()
    kill_at(written, before)
    with running(store, gateway) as runner:
        if not under_way(runner):
            runner.get(Trips).execute([OpenTrip(trip=UUID(int=n)) for n in range(1, TRIPS + 1)])
        until(lambda: under_way(runner) == TRIPS and len(gateway.asked) == TRIPS)
        gateway.open()
        signal.pause()


def killed_at(store: str, written: str, before: bool) -> None:
    process = PROCESSES.Process(target=run_until_killed, args=(store, written, before))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(
    "written", [ASKED, HANDLED, TAKEN_OVER], ids=["asked", "handled", "taken over"]
)
def test_a_runner_that_is_killed_at_a_commit_of_late_answers_loses_and_doubles_nothing(
    store_url: str, written: str, before: bool
) -> None:
    if written == TAKEN_OVER:
        killed_at(store_url, ASKED, before=False)
    killed_at(store_url, written, before)
    gateway = Gateway()
    gateway.open()
    with running(store_url, gateway) as runner:
        runner.settle()
        assert sorted(each.trip.int for each in charges(runner)) == list(range(1, TRIPS + 1))
        assert (under_way(runner), letters(runner)) == (0, [])
