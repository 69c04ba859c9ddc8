"""The clock of timers: the server's on PostgreSQL, so that several machines agree."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from sqlalchemy import text

from sagaline import Runner
from sagaline.runner import clock
from sagaline.runner.clock import StoreClock
from tests.sagaline.small_system import env, system
from tests.sagaline.storage.stores import opened, outside

HOUR = timedelta(hours=1)


class Wrong(datetime):
    """The clock of a machine that is an hour slow."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) - HOUR


@pytest.fixture
def wrong_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "datetime", Wrong)


@pytest.mark.usefixtures("wrong_here")
def test_on_postgresql_the_time_is_that_of_the_server(postgres_store: str) -> None:
    with opened(postgres_store) as datastore, outside(postgres_store) as connection:
        now = StoreClock(datastore)
        before, told, after = (
            connection.execute(text("SELECT clock_timestamp()")).scalar_one(),
            now(),
            connection.execute(text("SELECT clock_timestamp()")).scalar_one(),
        )
        slack = timedelta(seconds=1)
        assert before - slack < told < after + slack
        assert told.tzinfo is UTC


@pytest.mark.usefixtures("wrong_here")
def test_on_sqlite_the_time_is_that_of_this_machine(sqlite_store: str) -> None:
    with opened(sqlite_store) as datastore:
        now = StoreClock(datastore)
        assert abs(datetime.now(UTC) - HOUR - now()) < timedelta(minutes=1)


@pytest.mark.usefixtures("wrong_here")
def test_a_runner_uses_the_clock_of_the_server_by_default(postgres_store: str) -> None:
    given = datetime(2026, 1, 1, tzinfo=UTC)
    for runner, expected in (
        (Runner(system, env(postgres_store)), datetime.now(UTC)),
        (Runner(system, env(postgres_store), now=lambda: given), given),
    ):
        told = next(iter(runner.apps.values())).now()
        runner.stop()
        assert abs(told - expected) < timedelta(minutes=1)


def test_the_time_advances_between_two_reads_of_the_server(postgres_store: str) -> None:
    with opened(postgres_store) as datastore:
        now = StoreClock(datastore)
    # The store is closed: telling the time needs no connection.
    first = now()
    assert now() > first
