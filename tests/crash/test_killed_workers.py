"""Four workers of which two are killed and one is paused, while orders arrive at a slow gateway.

A size of one's own, as CONTRIBUTING says: SAGALINE_TEST_ORDERS, SAGALINE_TEST_PAUSE, and
SAGALINE_TEST_SLOW_CALL.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, create_engine

from tests.crash.test_killed_runners import (
    Runner,
    assert_rebuilds_alike,
    order_lines,
    stock_lines,
    take_in,
    wait_for_events,
    wait_until,
)
from tests.invariants import ends, violations

PARTS: Final = 4
ORDERS: Final = int(os.environ.get("SAGALINE_TEST_ORDERS", "1600")) // PARTS
"""Orders of each part."""

PAUSE: Final = float(os.environ.get("SAGALINE_TEST_PAUSE", "0"))
"""Seconds that the paused worker is paused at least: until others lead what was its own."""

STOP_LIMIT: Final = 3.0
"""Seconds from SIGTERM in which a worker ends."""


def test_workers_that_are_killed_or_paused_while_orders_meet_a_slow_gateway(
    postgres_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGALINE_APP", "tests.crash.slow_shop:system")
    take_in(postgres_store, tmp_path, "stock", stock_lines())
    with four_workers(postgres_store, tmp_path) as (workers, engine):
        wait_until(lambda: all(each.leads(engine) for each in workers))
        place_while_workers_fail(postgres_store, tmp_path, workers, engine)
        _, _, paused, untouched = workers
        wait_until(lambda: paused.leads(engine) and untouched.leads(engine))
        assert_end_in_time([paused, untouched])
    last = Runner(postgres_store, tmp_path / "last.txt")
    assert last.wait() == 0, last.said()
    assert violations(postgres_store, settled=True) == []
    assert sum(ends(postgres_store).values()) == PARTS * ORDERS
    assert_rebuilds_alike(postgres_store)


@contextmanager
def four_workers(url: str, folder: Path) -> Iterator[tuple[Sequence[Runner], Engine]]:
    engine = create_engine(url, pool_pre_ping=True)
    workers = [Runner(url, folder / f"worker-{number}.txt", ()) for number in range(4)]
    try:
        yield workers, engine
    finally:
        for each in workers:
            each.kill()
        engine.dispose()


def place_while_workers_fail(
    url: str, folder: Path, workers: Sequence[Runner], engine: Engine
) -> None:
    """Places all orders; two workers are killed on the way, and one is paused."""
    one, two, paused, _ = workers
    place_part(0, url, folder, engine)
    one.kill()
    paused.pause()
    paused_until = time.monotonic() + PAUSE
    place_part(1, url, folder, engine)
    two.kill()
    wait_until(lambda: not paused.leads(engine) and time.monotonic() > paused_until)
    paused.go_on()
    for part in range(2, PARTS):
        place_part(part, url, folder, engine)


def place_part(part: int, url: str, folder: Path, engine: Engine) -> None:
    """Places some orders, and waits until there are events of those before."""
    take_in(url, folder, "place", order_lines(ORDERS, seed=part))
    wait_for_events(engine, 20 + part * ORDERS)


def assert_end_in_time(workers: Sequence[Runner]) -> None:
    """Each worker ends with status 0, though orders and slow calls are under way."""
    started = time.monotonic()
    for each in workers:
        each.terminate()
    statuses = [each.wait() for each in workers]
    seconds = time.monotonic() - started
    assert statuses == [0] * len(workers), "\n".join(each.said() for each in workers)
    assert seconds < STOP_LIMIT
