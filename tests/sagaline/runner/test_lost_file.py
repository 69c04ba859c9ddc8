"""A runner whose SQLite file is deleted."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from sagaline import Runner
from sagaline.errors import StoreUnusable
from tests.sagaline.small_system import Desk, House, OpenShow, env, system, until, wish


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
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
    until(lambda: runner._failure is not None)
    assert isinstance(runner._failure, StoreUnusable)
    assert "parked" not in caplog.text
    runner.stop()
