"""A runner whose SQLite file is deleted."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from sagaline import Runner
from sagaline.errors import RunnerDied, StoreUnusable
from tests.sagaline.small_system import Desk, House, OpenShow, env, system, until, wish


def test_a_runner_ends_with_the_reason_and_blames_no_event(
    sqlite_store: str, caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner(system, env(sqlite_store))
    runner.start()
    runner.get(House).open(OpenShow(show="Hamlet", seats=100))
    runner.get(Desk).execute_one(wish())
    runner.settle()
    Path(str(make_url(sqlite_store).database)).unlink()
    with pytest.raises(StoreUnusable, match="deleted or moved"):
        runner.get(Desk).execute_one(wish())
    until(lambda: runner.failure is not None)
    assert isinstance(runner.failure, StoreUnusable)
    assert "parked" not in caplog.text
    assert "The runner of evenings ends: StoreUnusable" in caplog.text
    runner.stop()
    assert not runner.is_alive


def lose_the_file(store: str) -> None:
    with Runner(system, env(store)) as runner:
        assert runner.is_alive
        runner.get(House).open(OpenShow(show="Hamlet", seats=100))
        Path(str(make_url(store).database)).unlink()
        until(lambda: runner.failure is not None)


def test_the_block_of_a_runner_that_has_died_ends_with_its_error(sqlite_store: str) -> None:
    with pytest.raises(RunnerDied, match="its file was") as death:
        lose_the_file(sqlite_store)
    assert isinstance(death.value.__cause__, StoreUnusable)
