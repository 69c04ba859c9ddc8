"""Snapshots: what an aggregate was at one version, so that the events before need not be read."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import EventStore, Mapper, Recording, StoredEvent
from typing_extensions import override

from sagaline.errors import describe_error
from sagaline.storage import AggregateRecorder, ApplicationRecorder
from sagaline.storage.log.snapshots import SnapshotRow, replace_snapshots, snapshots_of

log = logging.getLogger(__name__)


class Snapshots(EventStore[UUID]):
    """Upstream's store of snapshots, which units of work read and write too.

    It is a cache, and nothing fails for it. What cannot be read is passed over, and so is what was
    taken of another log than this, as where the log alone was restored from a back-up. Of each
    aggregate the last snapshot is kept.
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
        """Writes snapshots in place of those that there are of the same aggregates."""
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
        """The snapshots of one aggregate that may be used, as upstream asks for them."""
        rows = self._rows([originator_id])[:: -1 if desc else 1]
        asked = (
            row
            for row in rows
            if (gt is None or row.version > gt) and (lte is None or row.version <= lte)
        )
        return islice(filter(None, map(self._usable, asked)), limit)

    def newest(self, ids: Collection[UUID]) -> dict[UUID, Any]:
        """Those of the aggregates that have a snapshot, as they were then."""
        rows = {row.originator_id: row for row in self._rows(ids)}
        found = {id_: self._usable(row) for id_, row in rows.items()}
        return {id_: each.mutate(None) for id_, each in found.items() if each is not None}

    def take(self, changed: Iterable[tuple[Any, int]]) -> None:
        """Takes the snapshots that are due, of aggregates that a batch on disk has changed.

        Each comes with the version that it had before. Raises nothing: the batch is done.
        """
        due = [each for each, before in changed if self._is_due(each, before)]
        # What an open transaction has written may yet be rolled back.
        if not due or self._datastore.in_transaction:
            return
        stored = [row for each in due if (row := self._stored(each)) is not None]
        try:
            self._write(stored)
        except Exception as error:
            log.warning(
                "No snapshots were written to %s: %s", self._log.name, describe_error(error)
            )

    def _is_due(self, aggregate: Any, before: int) -> bool:
        interval = self._intervals.get(type(aggregate))
        if interval is None or before // interval == aggregate.version // interval:
            return False
        return not aggregate.pending_events  # those are not on disk

    def _stored(self, aggregate: Any) -> StoredEvent | None:
        try:
            return self.mapper.to_stored_event(aggregate.Snapshot.take(aggregate))
        except Exception as error:
            log.warning("No snapshot of %s was taken: %s", aggregate.id, describe_error(error))
            return None

    def _write(self, stored: Sequence[StoredEvent]) -> None:
        with self._datastore.write() as connection:
            replace_snapshots(connection, self._log.table, stored)

    def _rows(self, ids: Collection[UUID]) -> list[SnapshotRow]:
        with self._datastore.read() as connection:
            return snapshots_of(connection, self._log, self._events, ids)

    def _usable(self, row: SnapshotRow) -> Any:
        """The snapshot in a row; None where it cannot be read, or was taken of another log."""
        try:
            snapshot: Any = self.mapper.to_domain_event(row.snapshot)
            event: Any = self.mapper.to_domain_event(row.event)
            if snapshot.mutate(None).modified_on == event.timestamp:
                return snapshot
            reason = "the event of that version is another one"
        except Exception as error:
            reason = describe_error(error)
        log.warning(
            "The snapshot of %s at version %s is passed over: %s",
            row.originator_id,
            row.version,
            reason,
        )
        return None
