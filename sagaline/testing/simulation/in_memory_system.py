"""A system on stores in memory, led turn by turn: no threads, and a clock that is moved by hand."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, TableClause, delete, inspect, table

from sagaline.application.message_handling import handling_of
from sagaline.application.port_calls import PortCalls, call_port
from sagaline.followers.follower import Follower
from sagaline.runner.bootstrap import OpenedSystem
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, all_letters
from sagaline.storage.tables.followers import follower_state
from sagaline.storage.tables.saga_locks import LockRequest, all_lock_requests
from sagaline.storage.tables.timers import HELD, TimerRow, due_timers, first_dues
from sagaline.system.system import System
from sagaline.testing.given.aggregates import LONG_AGO

IN_MEMORY = "sqlite:///:memory:"
TOO_LONG = 10_000
"""Turns after which a system counts as never coming to rest."""


class Crashed(BaseException):
    """The process is gone: nothing in it can catch this."""


class Commits:
    """Counts the commits of the followers; crashes once, before or behind one of them."""

    def __init__(self, crash_at: int | None = None, *, before: bool = True) -> None:
        self.count = 0
        self._crash_at = crash_at
        self._before = before

    @contextmanager
    def around(self, datastore: Datastore) -> Iterator[Connection]:
        """A transaction of a follower."""
        with datastore.write() as connection:
            yield connection
            self.count += 1
            if self.count == self._crash_at and self._before:
                raise Crashed
        if self.count == self._crash_at and not self._before:
            self._crash_at = None
            raise Crashed


class _Watched:
    """The datastore of a follower, whose commits are counted."""

    def __init__(self, datastore: Datastore, stage: "InMemorySystem") -> None:
        self.read = datastore.read
        self.write = lambda: stage.commits.around(datastore)


class _CallsInOrder(PortCalls):
    """Calls ports one after another, in the thread of the test."""

    def call(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return [call_port(each) for each in calls]


class InMemorySystem:
    """Leads all followers of a system; `away` are those that do not run at present."""

    def __init__(self, system: System, env: Mapping[str, str] | None = None) -> None:
        self.now = LONG_AGO
        self.away: set[str] = set()
        self.commits = Commits()
        self._tables: dict[Datastore, list[TableClause]] = {}
        where = {"SQLALCHEMY_URL": IN_MEMORY, "SAGALINE_VIEWS": IN_MEMORY}
        settings = {"PERSISTENCE_MODULE": "sagaline.storage", **where, **(env or {})}
        self._opened = OpenedSystem(system, settings, (), lambda: self.now)
        self.apps = self._opened.apps
        self.views = self._opened.views
        for app in self.apps.values():
            handling_of(app).port_calls = _CallsInOrder(app.name)
        for each in self._opened.followers:
            each.datastore = cast("Datastore", _Watched(each.datastore, self))

    def settle(self) -> None:
        """Takes turns until nothing moves any more, without time passing."""
        for _ in range(TOO_LONG):
            try:
                if not self._turn():
                    return
            except Crashed:
                self.crash()
        raise TimeoutError("it goes on and on")

    def crash(self) -> None:
        """Loses all that is in memory, as when the process dies and another one takes over."""
        starts = dict.fromkeys(self._opened.windows, 0)
        for follower in self._opened.followers:
            follower.forget()
            with follower.datastore.read() as connection:
                positions = follower_state(connection, follower.name).positions
            for leader, position in positions.items():
                starts[leader] = max(starts[leader], position)
        for name, window in self._opened.windows.items():
            window.start_at(starts[name])

    def clear(self) -> None:
        """Begins anew on empty stores, which is quicker than to open new ones."""
        self.now = LONG_AGO
        self.commits = Commits()
        for datastore in self._opened.datastores:
            with datastore.write() as connection:
                for each in self._tables_of(datastore, connection):
                    connection.execute(delete(each))
        for follower in self._opened.followers:
            follower.register()
        self.crash()

    def _tables_of(self, datastore: Datastore, connection: Connection) -> list[TableClause]:
        if datastore not in self._tables:
            names = inspect(connection).get_table_names()
            self._tables[datastore] = [table(each) for each in names]
        return self._tables[datastore]

    def letters(self) -> list[Letter]:
        """What could not be handled, because a handler raised."""
        found: list[Letter] = []
        for datastore in self._opened.datastores:
            with datastore.read() as connection:
                found += all_letters(connection)
        return found

    def claims(self) -> list[LockRequest]:
        """Which locks sagas hold, or queue for."""
        found: list[LockRequest] = []
        for datastore in self._opened.datastores:
            with datastore.read() as connection:
                found += all_lock_requests(connection)
        return found

    def next_due(self) -> datetime | None:
        """When the next timer is due, of those who are there to hear it."""
        dues = [
            due
            for datastore in self._opened.datastores
            for name, due in _first_dues(datastore).items()
            if due < HELD and name not in self.away
        ]
        return datetime.fromtimestamp(min(dues), UTC) if dues else None

    def timers(self) -> list[TimerRow]:
        """All timers that are pending, the one that is due first before the others."""
        found: list[TimerRow] = []
        for each in self._opened.followers:
            if each.name in self.apps:
                with each.datastore.read() as connection:
                    found += due_timers(connection, each.name, HELD, TOO_LONG)
        return sorted(found, key=lambda row: row.due_at)

    def close(self) -> None:
        """Lets the stores go."""
        self._opened.close()

    def _turn(self) -> bool:
        for window in self._opened.windows.values():
            while window.refresh():
                pass
        here = [each for each in self._opened.followers if each.name not in self.away]
        moved = [each.step() for each in here]
        return any(moved) or self._fire(here)

    def _fire(self, followers: Collection[Follower]) -> bool:
        dues: dict[str, float] = {}
        for datastore in self._opened.datastores:
            dues.update(_first_dues(datastore))
        now = self.now.timestamp()
        fired = [each.fire(now) for each in followers if dues.get(each.name, HELD) <= now]
        return any(fired)


def _first_dues(datastore: Datastore) -> dict[str, float]:
    with datastore.read() as connection:
        return first_dues(connection)
