"""The shadow of one read table: built from the logs beside the live table, then swapped in.

When it has reached the live follower's positions, one transaction swaps the tables, takes over the
positions, and raises the fence of the live follower. Readers see the old rows or the new ones,
never an empty or a partial table. The old table stays, for a rollback, unless it is to be dropped.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.errors import (
    FencedOut,
    RebuildBusy,
    RebuildFailed,
    RebuildUnderWay,
    StoreUnusable,
    describe_error,
)
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import position
from sagaline.read_model.definition import ReadModel, is_by_key
from sagaline.read_model.fingerprint import fingerprint
from sagaline.read_model.projector import Projector, copy_of
from sagaline.rebuilding.progress import Progress, Rebuilt
from sagaline.rebuilding.replay import Replay
from sagaline.rebuilding.shadow_follower import ShadowFollower
from sagaline.rebuilding.swap import drop_old, rehearse_swap, swap_in
from sagaline.rebuilding.worker import NO_WORKER, NoWorker, ReplayTask
from sagaline.runner.lease_renewal import LeaseRenewal
from sagaline.storage import Datastore, LogRow, Page
from sagaline.storage.sql.bulk import Change
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.tables.followers import follower_state
from sagaline.storage.tables.read_tables import (
    columns_of,
    count_rows,
    differing_keys,
    forget_follower,
    lock_follower,
    table_exists,
)

MIN_EVENTS_FOR_WORKER = 20_000
"""Events that are worth a second process."""

MAX_JOINS = 20
"""Attempts to reach the live follower's positions, each time from nearer."""

MAX_DIFFERENCES = 10
"""Keys of differing rows that a verification returns."""

MISSING = "there is no such table"
"""The difference of a table that was dropped."""


class _LiveFollowerAhead(Exception):
    """The live follower is at other positions: the transaction is rolled back, and tried again."""


class ShadowTable:
    """Builds the shadow of one read table and swaps it in, or compares it."""

    def __init__(
        self,
        model: type[ReadModel],
        datastore: Datastore,
        logs: Mapping[str, Application],
        progress: Progress,
        verify: bool,
        drop_old: bool,
        worker: NoWorker,
    ) -> None:
        self._model = model
        self._view = model.table.name
        self._datastore = datastore
        self._logs = logs
        self._progress = progress
        self._verify = verify
        self._drop_old = drop_old
        self._worker = worker
        self._active = NO_WORKER
        """The worker while it replays a part of the events."""
        self._events = 0
        self._follower = ShadowFollower(model, datastore, tuple(logs), verify)
        self._projector: Projector
        self._replay: Replay
        self._renewal: LeaseRenewal

    def build(self) -> Rebuilt:
        """Build the shadow table, and swap it in or compare it."""
        started = time.monotonic()
        if self._verify and not self._has_live_table():
            return Rebuilt(self._view, 0, 0, 0.0, [MISSING])
        self._open()
        try:
            with closing(LeaseRenewal([self._follower.leases])) as self._renewal:
                rows, differences = self._joined()
        except FencedOut as error:
            # It stood still for longer than its lease, and another rebuild continued its work.
            raise RebuildUnderWay(view=self._view) from error
        finally:
            self._active.close()  # an error leaves it in the middle of a page
            self._follower.leases.release()
        return Rebuilt(self._view, self._events, rows, time.monotonic() - started, differences)

    def _joined(self) -> tuple[int, list[str]]:
        """Replay the logs and join the live follower; return rows and differences."""
        for _ in range(MAX_JOINS):
            self._catch_up()
            result = self._join()
            if result is not None:
                return result
            self._reload()
        raise RebuildBusy(view=self._view)

    def _has_live_table(self) -> bool:
        with self._datastore.read() as connection:
            return table_exists(connection, self._view)

    def _open(self) -> None:
        """Find the shadow table of a rebuild that was killed, or create a new one."""
        with self._datastore.write() as connection:
            self._follower.open(connection)
            table = copy_of(self._model.table, self._follower.table_name)
            self._projector = Projector(self._model, self._datastore, table, rebuilding=True)
            self._projector.create_table(connection, indexed=False)
            if not self._verify:
                rehearse_swap(connection, self._model.table, self._follower.table_name)
            self._replay = Replay(self._projector, self._logs)
        self._reload()

    def _reload(self) -> None:
        """Forget the rows in memory, and read the positions again."""
        self._replay.roll_back()
        self._follower.read()

    def _head(self, leader: str) -> int:
        return self._logs[leader].recorder.head()

    def _goal(self) -> dict[str, int]:
        """Return the positions to reach: the live follower's to compare, else the logs' ends."""
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
        """Replay the logs up to the goal, page by page."""
        goal = self._goal()
        if self._is_worth_a_worker(goal):
            self._divide_with(self._worker)
        for leader in self._logs:
            self._start_worker(leader, goal[leader])
            while self._follower.positions[leader] < goal[leader]:
                page = self._page(leader, goal[leader])
                self._write_page(leader, page.rows, page.head)
                self._renewal.report_progress()
                passed = sum(self._follower.positions.values())
                self._progress(self._view, passed, sum(goal.values()))
        self._divide_with(NO_WORKER)
        if not self._verify:
            # Before the live follower has to wait: it takes as long as the table is large.
            with self._datastore.write() as connection:
                self._projector.finish_table(connection)

    def _is_worth_a_worker(self, goal: dict[str, int]) -> bool:
        left = sum(goal.values()) - sum(self._follower.positions.values())
        return self._worker.is_alive and left >= MIN_EVENTS_FOR_WORKER and is_by_key(self._model)

    def _start_worker(self, leader: str, upto: int) -> None:
        if self._active.is_alive:
            table, after = self._projector.table.name, self._follower.positions[leader]
            without = self._replay.other_topics(leader, after)
            self._active.start(ReplayTask(self._view, table, without, leader, after, upto))

    def _divide_with(self, worker: NoWorker) -> None:
        """Divide the keys anew; no row of the other part is in memory then."""
        if worker is not self._active:
            self._active = worker
            self._replay.part = worker.leaves
            self._reload()

    def _write_page(self, leader: str, rows: list[LogRow], upto: int) -> None:
        """Apply and write some events; if that fails, one by one, to find the event that fails."""
        try:
            self._replay.apply(leader, rows)
            other = self._active.receive(upto)
            with self._datastore.write() as connection:
                self._write(connection, {leader: upto}, other.changes)
        except FencedOut:
            raise
        except BaseException as error:
            raise_interruption(error)
            raise_store_failure(error)
            if self._active.is_alive:
                # Whatever the reason was: one process replays this page again, alone.
                self._active.close()
                return self._divide_with(NO_WORKER)
            self._reload()
            if not rows:
                raise
            if len(rows) == 1:
                raise self._failed(leader, rows[0], error) from error
            for row in rows:
                self._write_page(leader, [row], row.id)
        else:
            self._after_commit({leader: upto}, len(rows) + other.events)

    def _failed(self, leader: str, row: LogRow, error: BaseException) -> RebuildFailed:
        place, reason = position(leader, row.id), describe_error(error)
        return RebuildFailed(view=self._view, position=place, topic=row.topic, reason=reason)

    def _join(self) -> tuple[int, list[str]] | None:
        """Swap the shadow for the live table, or compare them; return rows and differences.

        None where the live follower is too far ahead by now.
        """
        ahead = {each: self._page(each, self._head(each)) for each in self._logs}
        with suppress(_LiveFollowerAhead), self._datastore.write() as connection:
            self._draw_level(connection, ahead)
            rows = count_rows(connection, self._projector.table.name)
            if not self._verify:
                self._swap(connection)
                return rows, []
            differences = self._compare(connection)
            self._follower.drop(connection)
            return rows, differences
        return None

    def _draw_level(self, connection: Connection, ahead: Mapping[str, Page]) -> None:
        """Apply the pages that were read ahead, up to the positions of the live follower.

        The live follower waits for its lock meanwhile.
        """
        live, positions = lock_follower(connection, self._view).positions, self._follower.positions
        reached = {each: max(live.get(each, 0), mine) for each, mine in positions.items()}
        too_far = any(reached[each] > page.head for each, page in ahead.items())
        # After a rollback the live follower is behind the shadow, which cannot go backwards.
        uneven = any(reached[each] != live.get(each, 0) for each in reached)
        if too_far or (self._verify and uneven):
            raise _LiveFollowerAhead
        count = 0
        try:
            for each, page in ahead.items():
                rows = [row for row in page.rows if row.id <= reached[each]]
                self._replay.apply(each, rows)
                count += len(rows)
            self._write(connection, reached)
        except FencedOut:
            raise
        except BaseException as error:
            raise_interruption(error)
            raise_store_failure(error)
            raise _LiveFollowerAhead from error  # the next attempt finds the event, and names it
        self._after_commit(reached, count)

    def _page(self, leader: str, upto: int) -> Page:
        return self._replay.page(leader, self._follower.positions[leader], upto)

    def _write(
        self, connection: Connection, reached: dict[str, int], others: Iterable[Change] = ()
    ) -> None:
        self._follower.advance(connection, reached)
        self._projector.write(connection, others)

    def _after_commit(self, reached: dict[str, int], count: int) -> None:
        self._replay.after_commit()
        self._active.page_written()
        self._follower.after_commit(reached)
        self._events += count

    def _compare(self, connection: Connection) -> list[str]:
        """Return the keys of rows that differ, or what else differs."""
        wanted = [each.name for each in self._model.table.columns]
        if sorted(columns_of(connection, self._view)) != sorted(wanted):
            return ["the columns of the table are not those of the read model"]
        shadow = self._projector.table.name
        found = differing_keys(connection, self._model.table, shadow, MAX_DIFFERENCES)
        return [", ".join(str(part) for part in key) for key in found]

    def _swap(self, connection: Connection) -> None:
        shadow, positions = self._projector.table.name, self._follower.positions
        swap_in(connection, self._model.table, shadow, positions, fingerprint(self._model))
        if self._drop_old:
            drop_old(connection, self._view)
        forget_follower(connection, self._follower.name)
