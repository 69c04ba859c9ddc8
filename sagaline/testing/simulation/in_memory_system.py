"""A system on stores in memory, run without threads on a clock that the test moves."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy import Connection, TableClause, delete, inspect, table
from typing_extensions import override

from sagaline.application.message_handling import handling_of
from sagaline.followers.follower import Follower
from sagaline.ports.pool import PortPool
from sagaline.ports.port import PortCall
from sagaline.runner.bootstrap import OpenedSystem
from sagaline.runner.schedules import SCHEDULE_TOPICS
from sagaline.saga.instance import Journal
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, all_letters
from sagaline.storage.tables.followers import follower_state
from sagaline.storage.tables.saga_locks import LockRequest, all_lock_requests
from sagaline.storage.tables.timers import HELD_DUE_AT, TimerRow, due_timers, first_dues
from sagaline.system.system import System
from sagaline.testing.given.happened import LONG_AGO
from sagaline.testing.simulation.commits import Commits, Crashed
from sagaline.testing.simulation.log_reader import LogReader

T = TypeVar("T")

IN_MEMORY = "sqlite:///:memory:"
MAX_TURNS = 10_000
"""Turns of all followers after which a system counts as never settling."""


class _CountedDatastore:
    """The datastore of a follower, whose commits are counted."""

    def __init__(self, datastore: Datastore, system: "InMemorySystem") -> None:
        self.read = datastore.read
        self.write = lambda: system.commits.around(datastore)


class _SequentialPool(PortPool):
    """Calls ports one after another, in the thread of the test."""

    @override
    def begin(self, calls: Sequence[PortCall]) -> None:
        for each in calls:
            each.answer = self.answer_of(each)

    @override
    def wait(self, calls: Iterable[PortCall]) -> None:
        """Does nothing: all calls are answered."""


class InMemorySystem:
    """Runs all followers of a system, except the `stopped` ones, and reads the sagas' logs."""

    def __init__(self, system: System, env: Mapping[str, str] | None = None) -> None:
        self.now = LONG_AGO
        self.stopped: set[str] = set()
        self.commits = Commits()
        self._tables: dict[Datastore, list[TableClause]] = {}
        self._sagas = [each.name for each in system.processes]
        where = {"SQLALCHEMY_URL": IN_MEMORY, "SAGALINE_VIEWS": IN_MEMORY}
        settings = {"PERSISTENCE_MODULE": "sagaline.storage", **where, **(env or {})}
        self._opened = OpenedSystem(system, settings, (), lambda: self.now)
        self.apps, self.read_models = self._opened.apps, system.read_models
        self.views = self._opened.views
        self.log = LogReader(self.apps, self._sagas)
        for app in self.apps.values():
            handling_of(app).calls.pool = _SequentialPool()
        for each in self._opened.followers:
            each.datastore = cast("Datastore", _CountedDatastore(each.datastore, self))

    def settle(self) -> None:
        """Runs the followers until none makes progress, without moving the clock."""
        for _ in range(MAX_TURNS):
            try:
                if not self._turn():
                    self.log.read(self.now - LONG_AGO)
                    return
            except Crashed:
                self.crash()
        raise TimeoutError(f"the system does not settle in {MAX_TURNS} turns")

    def advance_to(self, moment: datetime) -> None:
        """Moves the clock, and fires the timers that are due then."""
        self.now = moment
        self.settle()

    def crash(self) -> None:
        """Drops all state in memory, as when the process dies and another takes over."""
        starts = dict.fromkeys(self._opened.windows, 0)
        for app in self.apps.values():
            handling_of(app).calls.keep(())
        for follower in self._opened.followers:
            follower.reset()
            with follower.datastore.read() as connection:
                positions = follower_state(connection, follower.name).positions
            for leader, position in positions.items():
                starts[leader] = max(starts[leader], position)
        for name, window in self._opened.windows.items():
            window.start_at(starts[name])

    def clear(self) -> None:
        """Empties the stores, which is faster than opening new ones."""
        self.now = LONG_AGO
        self.commits = Commits()
        self.log = LogReader(self.apps, self._sagas)
        for datastore in self._opened.datastores:
            with datastore.write() as connection:
                for each in self._tables_of(datastore, connection):
                    connection.execute(delete(each))
        for follower in self._opened.followers:
            follower.register()
        self.crash()

    def journal(self, saga: str, id: UUID) -> Journal:
        """A saga instance, read from its own stream."""
        found = self.apps[saga].repository.get(id)
        assert isinstance(found, Journal)
        return found

    def dead_letters(self) -> list[Letter]:
        """The messages whose handler raised an error."""
        return [each for letters in self._read(all_letters) for each in letters]

    def lock_requests(self) -> list[LockRequest]:
        """The locks that sagas hold or queue for."""
        return [each for requests in self._read(all_lock_requests) for each in requests]

    def timers(self) -> list[TimerRow]:
        """All pending timers but those of schedules, the one that is due first at the front."""
        found: list[TimerRow] = []
        for each in self._opened.followers:
            if each.name in self.apps:
                with each.datastore.read() as connection:
                    found += due_timers(connection, each.name, HELD_DUE_AT, MAX_TURNS)
        found = [each for each in found if each.topic not in SCHEDULE_TOPICS]
        return sorted(found, key=lambda row: row.due_at)

    def next_due(self) -> datetime | None:
        """When the next timer of a follower that is not stopped is due."""
        dues = [
            due
            for name, due in self._dues().items()
            if due < HELD_DUE_AT and name not in self.stopped
        ]
        return datetime.fromtimestamp(min(dues), UTC) if dues else None

    def close(self) -> None:
        """Closes the stores."""
        self._opened.close()

    def _turn(self) -> bool:
        for window in self._opened.windows.values():
            while window.refresh():
                pass
        running = [each for each in self._opened.followers if each.name not in self.stopped]
        moved = [each.step() for each in running]
        return any(moved) or self._fire(running)

    def _fire(self, followers: Collection[Follower]) -> bool:
        dues, now = self._dues(), self.now.timestamp()
        fired = [each.fire(now) for each in followers if dues.get(each.name, HELD_DUE_AT) <= now]
        return any(fired)

    def _dues(self) -> dict[str, float]:
        return {name: due for dues in self._read(first_dues) for name, due in dues.items()}

    def _read(self, query: Callable[[Connection], T]) -> list[T]:
        """The result of a query, from each store."""
        found: list[T] = []
        for datastore in self._opened.datastores:
            with datastore.read() as connection:
                found.append(query(connection))
        return found

    def _tables_of(self, datastore: Datastore, connection: Connection) -> list[TableClause]:
        if datastore not in self._tables:
            names = inspect(connection).get_table_names()
            self._tables[datastore] = [table(each) for each in names]
        return self._tables[datastore]
