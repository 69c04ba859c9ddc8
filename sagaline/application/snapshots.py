"""Snapshots: the state of an aggregate at one version, which saves reading the events before."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import EventStore, Mapper, Recording, StoredEvent
from typing_extensions import override

from sagaline.errors import describe_error
from sagaline.messaging.logbook import fields, logger_of
from sagaline.storage import AggregateRecorder, ApplicationRecorder
from sagaline.storage.log.snapshots import SnapshotRow, replace_snapshots, snapshots_of

log = logger_of(__name__)


class Snapshot(NamedTuple):
    """An aggregate read from a snapshot, and the size of the snapshot in bytes, encoded."""

    aggregate: Any
    size: int

    @property
    def version(self) -> int:
        """The version of the aggregate."""
        version: int = self.aggregate.version
        return version


class Snapshots(EventStore[UUID]):
    """Upstream's store of snapshots, which units of work read and write too.

    It is a cache: a fault of it fails nothing. A snapshot that cannot be read is ignored, and so is
    one of another log, as after a restore of the log alone. The last snapshot of each aggregate is
    kept.
    """

    def __init__(
        self,
        mapper: Mapper[UUID],
        recorder: AggregateRecorder,
        events: ApplicationRecorder,
        intervals: Mapping[type, int],
    ) -> None:
        super().__init__(mapper, recorder)
        self._datastore = recorder.datastore
        self._log = recorder.log
        self._events = events.log
        self._intervals = intervals

    @override
    def put(
        self, domain_events: Sequence[DomainEventProtocol[UUID]], **kwargs: Any
    ) -> list[Recording[UUID]]:
        """Writes snapshots; each replaces the one of the same aggregate."""
        self._write([self.mapper.to_stored_event(each) for each in domain_events])
        return []

    @override
    def get(
        self,
        originator_id: UUID,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[DomainEventProtocol[UUID]]:
        """The usable snapshots of one aggregate, in upstream's interface."""
        rows = self._rows([originator_id])[:: -1 if desc else 1]
        asked = (
            row
            for row in rows
            if (gt is None or row.version > gt) and (lte is None or row.version <= lte)
        )
        return islice(filter(None, map(self._usable, asked)), limit)

    def newest(self, ids: Collection[UUID]) -> dict[UUID, Snapshot]:
        """The newest usable snapshot of each aggregate that has one."""
        found: dict[UUID, Snapshot] = {}
        for row in self._rows(ids):
            snapshot = self._usable(row)
            if snapshot is not None:
                size = len(row.snapshot.state)
                found[row.originator_id] = Snapshot(snapshot.mutate(None), size)
        return found

    def write_due(self, changed: Iterable[tuple[Any, int]]) -> None:
        """Writes the snapshots that are due after a commit that has changed these aggregates.

        Each comes with its version before. Raises nothing, as the batch is committed.
        """
        due = [each for each, before in changed if self._is_due(each, before)]
        # An open transaction may still roll back what it has written.
        if not due or self._datastore.in_transaction:
            return
        stored = [row for each in due if (row := self._stored(each)) is not None]
        try:
            self._write(stored)
        except Exception as error:
            reason = describe_error(error)
            log.warning("No snapshots were written to %s: %s", self._log.name, reason)

    def _is_due(self, aggregate: Any, before: int) -> bool:
        interval = self._intervals.get(type(aggregate))
        if interval is None or before // interval == aggregate.version // interval:
            return False
        return not aggregate.pending_events  # those are not committed

    def _stored(self, aggregate: Any) -> StoredEvent | None:
        try:
            return self.mapper.to_stored_event(aggregate.Snapshot.take(aggregate))
        except Exception as error:
            reason = describe_error(error)
            extra = fields(aggregate=aggregate.id)
            log.warning("No snapshot of %s was taken: %s", aggregate.id, reason, extra=extra)
            return None

    def _write(self, stored: Sequence[StoredEvent]) -> None:
        with self._datastore.write() as connection:
            replace_snapshots(connection, self._log.table, stored)

    def _rows(self, ids: Collection[UUID]) -> list[SnapshotRow]:
        with self._datastore.read() as connection:
            return snapshots_of(connection, self._log, self._events, ids)

    def _usable(self, row: SnapshotRow) -> Any:
        """The snapshot in a row; None where it cannot be read, or belongs to another log."""
        try:
            snapshot: Any = self.mapper.to_domain_event(row.snapshot)
            event: Any = self.mapper.to_domain_event(row.event)
            if snapshot.mutate(None).modified_on == event.timestamp:
                return snapshot
            reason = "the event of that version is another one"
        except Exception as error:
            reason = describe_error(error)
        log.warning(
            "The snapshot of %s at version %s is ignored: %s",
            row.originator_id,
            row.version,
            reason,
            extra=fields(aggregate=row.originator_id),
        )
        return None
