"""A rebuild in two processes: the same rows as by one, whatever happens to the worker."""

import json
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sagaline import ReadModel, Runner, rebuild
from sagaline.read_model.definition import is_by_key
from sagaline.rebuilding.worker import WORKER_PART, NoWorker, rebuild_worker
from tests.sagaline.bank import (
    Balances,
    Branches,
    Close,
    Movements,
    account,
    give_to,
    opened,
    paid,
    query,
    rows_of,
)
from tests.sagaline.rebuild_with_worker import POISON, VIEWS, system

HOUSE = Path(__file__).parents[3]
LIMIT = 60.0
EVENTS = 121


@pytest.fixture
def store(store_url: str) -> str:
    """A bank with thirty accounts, of which one was closed, and ninety payments."""
    number = range(30)
    closing_one = [Close(account_id=account(29))]
    with Runner(system, {"SQLALCHEMY_URL": store_url}) as runner:
        give_to(runner, [*opened(number), *paid(number), *paid(number, 2), *paid(number, 4)])
        give_to(runner, closing_one)
        runner.settle()
    return store_url


def test_two_processes_make_the_same_rows(store: str) -> None:
    before = tables(store)
    said = rebuilt(store, "sums,counts")
    assert said["worker_rows"] > 2 * 10
    assert said["lives"]
    assert (said["events"], said["rows"]) == ([EVENTS] * 2, [29] * 2)
    assert tables(store) == before
    assert differences(store) == {each: [] for each in VIEWS}


@pytest.mark.parametrize("trouble", ["lose", "hang"])
def test_a_rebuild_continues_without_a_worker_that_dies_or_hangs(store: str, trouble: str) -> None:
    before = tables(store)
    said = rebuilt(store, "sums,counts", trouble)
    assert said["worker_rows"] > 0
    assert not said["lives"]
    assert (said["events"], said["rows"]) == ([EVENTS] * 2, [29] * 2)
    assert tables(store) == before


def test_a_page_of_a_worker_at_another_position_is_discarded(store: str) -> None:
    before = tables(store)
    said = rebuilt(store, "sums", "stray")
    assert (said["events"], said["rows"], said["lives"]) == ([EVENTS], [29], False)
    assert tables(store) == before


def test_the_worker_ends_with_the_first_process_and_the_next_rebuild_continues(store: str) -> None:
    before = tables(store)
    killed = run(store, "sums", "die")  # returns when all its processes have ended
    assert killed.returncode == -signal.SIGKILL
    assert tables(store) == before
    said = rebuilt(store, "sums")
    assert said["worker_rows"] > 0
    assert 0 < said["events"][0] <= EVENTS - 60
    assert tables(store) == before


def test_a_model_that_reads_rows_of_other_keys_is_rebuilt_by_one_process(store: str) -> None:
    before = tables(store)
    said = rebuilt(store, "totals,sums")
    assert (said["events"], said["rows"]) == ([90, EVENTS], [1, 29])
    assert not said["lives"]
    assert tables(store) == before


@pytest.mark.parametrize("number", range(6))
def test_the_event_that_fails_is_named_whichever_process_meets_it(store: str, number: int) -> None:
    with Runner(system, {"SQLALCHEMY_URL": store}) as runner:
        give_to(runner, paid([number], POISON))
        runner.settle()
    before = tables(store)
    ((poison,),) = query(store, "SELECT max(id) FROM bank_events")
    assert rebuilt(store, "sums", "fail")["failed"] == f"bank:{poison}"
    assert tables(store) == before


def test_both_processes_meet_a_failing_event_in_these_tests() -> None:
    assert {str(account(number))[-1] in WORKER_PART.signs for number in range(6)} == {True, False}


def test_a_process_with_threads_is_not_forked() -> None:
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)
    other.start()
    try:
        assert not rebuild_worker(system).is_alive
    finally:
        waiting.set()
        other.join()


class Idle(NoWorker):
    """Fails where it gets a task."""

    is_alive = True

    def start(self, *_: object) -> None:
        raise AssertionError

    def close(self) -> None:
        self.is_alive = False


def test_a_short_log_is_replayed_without_a_worker(store: str) -> None:
    idle = Idle()
    (done,) = rebuild(system, {"SQLALCHEMY_URL": store}, ["sums"], worker=idle)
    assert done.events == EVENTS
    assert not idle.is_alive, "it ends with the rebuild"


@pytest.mark.parametrize("model", [Branches, Movements, Balances])
def test_only_models_whose_events_are_for_the_row_of_their_key_are_divided(
    model: type[ReadModel],
) -> None:
    assert is_by_key(model) is (model is Branches)


@pytest.mark.parametrize(
    ("key", "holds"),
    [
        (UUID(int=0xA), True),
        (UUID(int=0xF), False),
        ("x5", False),
        ("x1", True),
        (14, True),
        (15, False),
        (True, None),
        (("x", 1), None),
        (Decimal(1), None),
    ],
)
def test_the_key_of_a_row_belongs_to_one_part_or_to_none(key: object, holds: bool | None) -> None:
    assert WORKER_PART.holds([key]) is bool(holds)
    assert WORKER_PART._replace(rest=True).holds([key]) is (holds is False)


def rebuilt(url: str, view: str, trouble: str = "") -> dict[str, Any]:
    """Rebuild in two processes; return what the program printed."""
    done = run(url, view, trouble)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def run(url: str, view: str, trouble: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.sagaline.rebuild_with_worker", url, view, trouble]
    return subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=LIMIT)


def tables(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {each: rows_of(url, each) for each in VIEWS}


def differences(url: str) -> dict[str, list[str]]:
    env = {"SQLALCHEMY_URL": url}
    return {each.view: each.differences for each in rebuild(system, env, verify=True)}
