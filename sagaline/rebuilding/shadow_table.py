"""The shadow of one read table: built from the logs beside the live table, then put in its place.

When it has come as far as the live follower, one transaction puts it in the live table's place,
takes over the positions, and moves the follower's fence. Readers see the old rows or the new ones,
never an empty or a partial table. The old table stays, for a rollback.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.errors import (
    FencedOut,
    RebuildBusy,
    RebuildFailed,
    RebuildUnderWay,
    StoreUnusable,
)
from sagaline.messaging.message import position
from sagaline.read_model.definition import ReadModel, is_by_key
from sagaline.read_model.fingerprint import fingerprint
from sagaline.read_model.projector import Projector, copy_of
from sagaline.rebuilding.replay import Replay
from sagaline.rebuilding.swap import swap_in
from sagaline.rebuilding.worker import NO_WORKER, NoWorker, Task
from sagaline.runner.lease_renewal import LeaseRenewal
from sagaline.runner.leases import Leases
from sagaline.storage import Datastore, LogRow, Page
from sagaline.storage.sql.bulk import Change
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.storage.tables.followers import advance, follower_state, register
from sagaline.storage.tables.read_tables import (
    columns_of,
    count_rows,
    differing_keys,
    drop_table,
    forget_follower,
    lock_follower,
    shadows,
    start_over,
    table_exists,
)

SHARED = 20_000
"""Events that are worth a second process's attention."""

JOINS = 20
"""How often a rebuild tries to catch the live follower, each time from nearer."""

SHOWN = 10
"""Keys of differing rows that are told."""

PASSED_ON = (FencedOut, *STORAGE_FAULTS)
"""What is no fault of an event."""

VERIFYING = "verify"
"""In place of a fingerprint, in the name of a shadow that will be compared only."""

MISSING = "there is no such table"
"""The difference of a table that was dropped."""

Progress = Callable[[str, int, int], None]
"""Told the view, the events passed, and the events in all (both counted by ids)."""


@dataclass(frozen=True)
class Rebuilt:
    """One read table that was built again, or verified.

    `differences` are the keys of rows that a verification found to differ, ten at most; or what
    else it found.
    """

    view: str
    events: int
    rows: int
    seconds: float
    differences: list[str] = field(default_factory=list)


class _Behind(Exception):
    """The live follower cannot be joined yet: the transaction is rolled back, and tried again."""


class ShadowTable:
    """A read table on its way, and what it takes to get there."""

    def __init__(
        self,
        model: type[ReadModel],
        datastore: Datastore,
        logs: Mapping[str, Application],
        progress: Progress,
        verify: bool,
        twin: NoWorker,
    ) -> None:
        self._model = model
        self._view = model.table.name
        self._datastore = datastore
        self._logs = logs
        self._progress = progress
        self._verify = verify
        self._twin = twin
        self._beside = NO_WORKER
        self._events = 0
        self._fence = 0
        self._positions: dict[str, int] = {}
        self._name = ""
        self._projector: Projector
        self._folding: Replay
        self._leases: Leases
        self._keeper: LeaseRenewal

    def build(self) -> Rebuilt:
        """Builds it, and swaps it in or compares it."""
        started = time.monotonic()
        if self._verify and not self._is_there():
            return Rebuilt(self._view, 0, 0, 0.0, [MISSING])
        self._open()
        try:
            with closing(LeaseRenewal([self._leases])) as self._keeper:
                return self._built(started)
        except FencedOut as error:
            # It stood still for longer than its lease, and another one went on with its work.
            raise RebuildUnderWay(view=self._view) from error
        finally:
            self._beside.close()  # in the midst of a page it is of no more use
            self._leases.release()

    def _built(self, started: float) -> Rebuilt:
        for _ in range(JOINS):
            self._catch_up()
            joined = self._join()
            if joined is not None:
                rows, differences = joined
                spent = time.monotonic() - started
                return Rebuilt(self._view, self._events, rows, spent, differences)
            self._stand()
        raise RebuildBusy(view=self._view)

    def _is_there(self) -> bool:
        with self._datastore.read() as connection:
            return table_exists(connection, self._view)

    def _open(self) -> None:
        """Finds the shadow table of a rebuild that was killed, or makes a new one."""
        made_by = VERIFYING if self._verify else fingerprint(self._model)
        with self._datastore.write() as connection:
            if Projector(self._model, self._datastore).create_table(connection):
                start_over(connection, self._view)
            register(connection, self._view, self._logs)
            # First, so that of those that open at once one sees what the other has begun.
            generation = lock_follower(connection, self._view).fence
            known = shadows(connection, f"{self._view}@")
            mine = [each for each in known if each.endswith(f":{made_by}")]
            # A verification is never gone on with, and is no reason to lose a rebuild.
            over = [each for each in known if (each in mine) is self._verify]
            going_on = bool(mine) and not self._verify
            self._name = mine[0] if going_on else f"{self._view}@{generation}:{made_by}"
            register(connection, self._name, self._logs)
            self._claim([self._name, *over])
            for each in over:
                self._drop(connection, each)
            table = copy_of(self._model.table, _table_of(self._name))
            self._projector = Projector(self._model, self._datastore, table, rebuilding=True)
            self._projector.create_table(connection, indexed=False)
            self._folding = Replay(self._projector, self._logs)
        self._stand()

    def _claim(self, shadows: Collection[str]) -> None:
        """Takes what others have left, in the transaction; nobody may be at work on any of it."""
        self._leases = Leases(self._datastore, shadows)
        self._leases.acquire()
        if not self._leases.held.issuperset(shadows):
            raise RebuildUnderWay(view=self._view)

    def _stand(self) -> None:
        self._folding.roll_back()
        with self._datastore.read() as connection:
            found = follower_state(connection, self._name)
        self._fence = found.fence
        self._positions = {each: found.positions.get(each, 0) for each in self._logs}

    def _head(self, leader: str) -> int:
        return self._logs[leader].recorder.head()

    def _goal(self) -> dict[str, int]:
        """How far to come: to be compared, as far as the live follower; else to the logs' ends."""
        with self._datastore.read() as connection:
            positions = follower_state(connection, self._view).positions
        live = {each: positions.get(each, 0) for each in self._logs}
        heads = {each: self._head(each) for each in self._logs}
        for leader, head in heads.items():
            if live[leader] > head:
                reason = f"{self._view} is at {live[leader]} of {leader}, whose log ends at {head}"
                raise StoreUnusable(url=self._datastore.address, reason=reason)
        return live if self._verify else heads

    def _catch_up(self) -> None:
        """Folds a page at a time."""
        goal = self._goal()
        if self._is_shared(goal):
            self._stand_beside(self._twin)
        for leader in self._logs:
            self._begin_beside(leader, goal[leader])
            while self._positions[leader] < goal[leader]:
                page = self._read(leader, goal[leader])
                self._take(leader, page.rows, page.head)
                self._keeper.report_progress()
                passed = sum(self._positions.values())
                self._progress(self._view, passed, sum(goal.values()))
        self._stand_beside(NO_WORKER)
        if not self._verify:
            # Before the live follower is made to wait: it takes as long as the table is large.
            with self._datastore.write() as connection:
                self._projector.finish_table(connection)

    def _is_shared(self, goal: dict[str, int]) -> bool:
        left = sum(goal.values()) - sum(self._positions.values())
        return self._twin.is_alive and left >= SHARED and is_by_key(self._model)

    def _begin_beside(self, leader: str, upto: int) -> None:
        table, topics = self._projector.table.name, self._projector.topics
        after = self._positions[leader]
        self._beside.begin(Task(self._view, table, topics, leader, after, upto))

    def _stand_beside(self, other: NoWorker) -> None:
        """Divides the rows anew; of those that were somebody else's nothing is in memory."""
        if other is not self._beside:
            self._beside = other
            self._folding.part = other.leaves
            self._stand()

    def _take(self, leader: str, rows: list[LogRow], upto: int) -> None:
        """Folds and writes some events; if that fails, each by itself, to know which it was."""
        try:
            self._folding.fold(leader, rows)
            other = self._beside.folded(upto)
            with self._datastore.write() as connection:
                self._write(connection, {leader: upto}, other.changes)
        except PASSED_ON:
            raise
        except Exception as error:
            if self._beside.is_alive:
                # Whatever the reason was: this page is read again, and folded by one process.
                self._beside.close()
                return self._stand_beside(NO_WORKER)
            self._stand()
            if not rows:
                raise
            if len(rows) == 1:
                raise RebuildFailed(
                    view=self._view,
                    position=position(leader, rows[0].id),
                    topic=rows[0].topic,
                    reason=_told(error),
                ) from error
            for row in rows:
                self._take(leader, [row], row.id)
        else:
            self._wrote({leader: upto}, len(rows) + other.events)

    def _join(self) -> tuple[int, list[str]] | None:
        """Puts the shadow in the live table's place, or compares them: rows, and differences.

        None where the live follower has gone too far ahead meanwhile.
        """
        ahead = {each: self._read(each, self._head(each)) for each in self._logs}
        with suppress(_Behind), self._datastore.write() as connection:
            self._draw_level(connection, ahead)
            rows = count_rows(connection, self._projector.table.name)
            if not self._verify:
                self._swap(connection)
                return rows, []
            differences = self._compare(connection)
            self._drop(connection, self._name)
            return rows, differences
        return None

    def _draw_level(self, connection: Connection, ahead: Mapping[str, Page]) -> None:
        """Folds what was read ahead, just as far as the live follower, which waits meanwhile."""
        live = lock_follower(connection, self._view).positions
        reached = {each: max(live.get(each, 0), mine) for each, mine in self._positions.items()}
        too_far = any(reached[each] > page.head for each, page in ahead.items())
        # After a rollback the live follower is behind; a table cannot be folded backwards.
        uneven = any(reached[each] != live.get(each, 0) for each in reached)
        if too_far or (self._verify and uneven):
            raise _Behind
        count = 0
        try:
            for each, page in ahead.items():
                rows = [row for row in page.rows if row.id <= reached[each]]
                self._folding.fold(each, rows)
                count += len(rows)
            self._write(connection, reached)
        except PASSED_ON:
            raise
        except Exception as error:
            raise _Behind from error  # the next attempt takes it with the others, and names it
        self._wrote(reached, count)

    def _read(self, leader: str, upto: int) -> Page:
        return self._folding.page(leader, self._positions[leader], upto)

    def _write(
        self, connection: Connection, reached: dict[str, int], others: Iterable[Change] = ()
    ) -> None:
        advance(connection, self._name, self._fence, reached)
        self._projector.write(connection, others)

    def _wrote(self, reached: dict[str, int], count: int) -> None:
        self._folding.after_commit()
        self._beside.written()
        self._fence += 1
        self._positions.update(reached)
        self._events += count

    def _compare(self, connection: Connection) -> list[str]:
        wanted = [each.name for each in self._model.table.columns]
        if sorted(columns_of(connection, self._view)) != sorted(wanted):
            return ["the columns of the table are not those of the read model"]
        shadow = self._projector.table.name
        found = differing_keys(connection, self._model.table, shadow, SHOWN)
        return [", ".join(str(part) for part in key) for key in found]

    def _swap(self, connection: Connection) -> None:
        shadow = self._projector.table.name
        swap_in(connection, self._view, shadow, self._positions, fingerprint(self._model))
        forget_follower(connection, self._name)

    def _drop(self, connection: Connection, name: str) -> None:
        if not name.endswith("@old"):
            drop_table(connection, _table_of(name))
            forget_follower(connection, name)


def _table_of(shadow: str) -> str:
    """The table of a shadow follower: ``order_list@7:3f2a`` keeps its rows in order_list__7."""
    view, _, rest = shadow.partition("@")
    return f"{view}__{rest.partition(':')[0]}"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
