"""A store, the system that runs on it, and a clock that only the test moves."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from threading import Lock

from sqlalchemy import StaticPool, create_engine, text

from sagaline import Application, Command, Runner, System
from sagaline.admin.dead_letters import retry
from sagaline.application.saga_process import SagaProcess
from sagaline.saga.interventions import Interventions, Operator
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, all_letters
from sagaline.storage.tables.timers import first_dues

STAFF = Operator("Eve", "seen to")
MOMENTS = 200
"""Moments at which timers are due, after which everything must have ended."""


class Clock:
    """A clock that is moved by hand, also while a runner looks at it."""

    def __init__(self, time: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)) -> None:
        self._time = time
        self._lock = Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._time

    def turn_to(self, moment: float) -> None:
        """Lets time pass until a moment (seconds since 1970), which may be over already."""
        with self._lock:
            self._time = max(self._time, datetime.fromtimestamp(moment, UTC))


class Stage:
    """Runs a system on a store, as a whole or some followers alone."""

    def __init__(self, system: System, url: str, clock: Clock) -> None:
        self.system = system
        self.url = url
        self.clock = clock

    @property
    def env(self) -> dict[str, str]:
        return {"SQLALCHEMY_URL": self.url}

    @property
    def views(self) -> list[str]:
        return [each.table.name for each in self.system.read_models]

    @contextmanager
    def opened(self, *only: str) -> Iterator[Runner]:
        """A runner that leads these followers, or all of them."""
        with Runner(self.system, self.env, only=only, now=self.clock) as runner:
            yield runner

    def run(self, *only: str) -> None:
        """Leads these followers until they have done all that they can do now."""
        with self.opened(*only) as runner:
            self.rest(runner, only)

    def rest(self, runner: Runner, only: Collection[str]) -> None:
        """Waits until these followers, which the runner leads, have nothing left to do."""
        while self._is_busy(runner, only):
            time.sleep(0.002)

    def _is_busy(self, runner: Runner, only: Collection[str]) -> bool:
        now, dues = self.clock().timestamp(), _dues(runner)
        lags = {each.follower for each in runner.lag() if each.lag}
        return any(each in lags or dues.get(each, inf) <= now for each in only)

    def place(self, application: type[Application], *commands: Command) -> None:
        """Gives commands while only a read table is followed."""
        with self.opened(self.views[0]) as runner:
            give(runner, application, *commands)

    def go_on(self, runner: Runner) -> None:
        """Lets time pass, from timer to timer, until nothing is waited for."""
        runner.settle(horizon=0)
        for _ in range(MOMENTS):
            if runner.settled():
                return
            self.clock.turn_to(min(_dues(runner).values()))
            runner.settle(horizon=0)
        raise TimeoutError("There is always something that is waited for.")

    def query(self, queries: Mapping[str, str]) -> dict[str, list[list[str]]]:
        """The rows of some queries, as text and in an order of their own."""
        engine = create_engine(self.url, poolclass=StaticPool)
        try:
            with engine.connect() as connection:
                return {
                    name: sorted(
                        [_told(each) for each in row] for row in connection.execute(text(sql))
                    )
                    for name, sql in queries.items()
                }
        finally:
            engine.dispose()


def _told(value: object) -> str:
    """A value as text, without the count of a port's calls: a batch that runs again calls again."""
    return re.sub(r" \(attempt \d+\)", "", str(value))


def give(runner: Runner, application: type[Application], *commands: Command) -> None:
    """Gives commands, none of which may be refused."""
    receipts = runner.get(application).execute(commands)
    assert [each.error for each in receipts if each.error is not None] == []


def steer(runner: Runner, saga: str, key: object, act: Callable[[Interventions], None]) -> None:
    """Lets a person act on a saga."""
    process = runner.apps[saga]
    assert isinstance(process, SagaProcess)
    process.intervene(str(key), act)


def retry_letters(stage: Stage) -> None:
    """Has every dead letter processed, the oldest first, as a person would while runners run."""
    while found := _letters(stage):
        runner = Runner(stage.system, stage.env, only=[found[0].follower], now=stage.clock)
        try:
            done = retry(runner, found[0])
        finally:
            runner.stop()
        assert done.error is None, done.error


def _letters(stage: Stage) -> list[Letter]:
    datastore = Datastore.open(stage.url)
    try:
        with datastore.read() as connection:
            return all_letters(connection)
    finally:
        datastore.close()


def _dues(runner: Runner) -> dict[str, float]:
    """When the next timer of each follower is due, in seconds since 1970."""
    found: dict[str, float] = {}
    for datastore in runner.datastores:
        with datastore.read() as connection:
            found.update(first_dues(connection))
    return found
