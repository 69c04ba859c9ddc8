"""A unit of work: the aggregates and events of one batch, until they are committed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import DomainEvent
from sqlalchemy import Connection

from sagaline.application.aggregate_cache import DEFAULT_LIMITS, AggregateCache, CacheLimits
from sagaline.application.recorded_message import recorded_message
from sagaline.application.snapshots import Snapshots
from sagaline.application.timer_changes import TracedChange, unshared_change, write_changes
from sagaline.codec import TypedMapper, shareable_topics, unshared
from sagaline.errors import NotStorable
from sagaline.messaging.message import Message, Trace
from sagaline.messaging.timers import TimerChange
from sagaline.storage import ApplicationRecorder, EventRow


class Mark(NamedTuple):
    """How many events, changed aggregates and timers a unit of work holds."""

    events: int
    changed: int
    timers: int


class UnitOfWork:
    """An identity map over aggregates, and the events to write in one transaction.

    Aggregates stay in the map after the commit. They are evicted on a rollback, and where another
    writer has changed them, so that the map never holds what the log does not.
    """

    def __init__(
        self,
        application: str,
        recorder: ApplicationRecorder,
        mapper: TypedMapper,
        now: Callable[[], datetime],
        snapshots: Snapshots | None = None,
        limits: CacheLimits = DEFAULT_LIMITS,
    ) -> None:
        self.trace = Trace(None, None, 0)
        """The envelope of the events that are recorded next."""
        self.has_whole_streams = True
        """Whether its log has every event of a stream; a simulation records some alone."""
        self.attempt = 1
        """The number of the attempt at the command that is handled now, from 1."""
        self._application = application
        self._recorder = recorder
        self._mapper = mapper
        self._decode: Callable[[Any], Any] = mapper.to_domain_event
        self._now = now
        self._snapshots = snapshots
        self._aggregates = AggregateCache(limits)
        self._absent: list[UUID] = []
        self._unsaved: NotStorable | None = None
        """Why something that a handler has saved cannot be stored."""
        self.touched: dict[int, Any] = {}
        """The aggregates read since the last record, by `id()`: hashing a UUID takes a call."""
        self._changed: dict[UUID, int] = {}
        """The versions of the changed aggregates before this unit."""
        self._events: list[tuple[Any, Trace]] = []
        self._rows: list[EventRow] = []
        self._timers: list[TracedChange] = []
        self._writes: list[Callable[[Connection], None]] = []
        self._messages: list[Message] = []
        self._before = self._seen = 0
        self._unproven: set[UUID] = set()
        """The streams of events that no aggregate has triggered."""

    def refresh(self) -> None:
        """Evicts the aggregates that other writers of this log have changed since the last batch.

        Otherwise a command could be refused on stale state: a refusal writes nothing to the
        aggregate, so no version conflict would reveal it.
        """
        changed, self._seen = self._recorder.changed_since(self._seen)
        if changed is None:
            self._aggregates.clear()
        else:
            for each in changed:
                self._aggregates.evict(each)

    def prefetch(self, ids: Collection[UUID]) -> None:
        """Reads aggregates in one query; an id without an aggregate is remembered as absent."""
        missing = [each for each in ids if each not in self._aggregates]
        if not missing:
            return
        self._read(missing)
        self._absent += [each for each in missing if self._aggregates[each] is None]

    def get(self, aggregate_id: UUID) -> Any:
        """The aggregate, the same object for every handler of a batch.

        Raises AggregateNotFoundError where no event of it is recorded.
        """
        if aggregate_id not in self._aggregates:
            self.prefetch([aggregate_id])
        aggregate = self._aggregates[aggregate_id]
        if aggregate is None:
            raise AggregateNotFoundError(f"There is no aggregate {aggregate_id}.")
        self.touched[id(aggregate)] = aggregate
        return aggregate

    def find(self, ids: Sequence[UUID]) -> list[Any]:
        """The aggregates in the order of their ids, None where there is none."""
        try:
            found = [self._aggregates[each] for each in ids]
        except KeyError:
            self.prefetch(ids)
            found = [self._aggregates[each] for each in ids]
        self.touched.update((id(each), each) for each in found if each is not None)
        return found

    def record(self, results: Iterable[Any]) -> None:
        """Collects the new events of the given aggregates, and of all that were read and changed.

        Raises NotStorable where an event would not be read back as it is, also where the handler
        has saved it and has gone on without it.
        """
        if self._unsaved is not None:
            raise self._unsaved
        self.save(results)
        for each in self.touched.values():
            self._collect(each)
        self.touched.clear()

    def save(self, results: Iterable[Any]) -> None:
        """Collects the new events of the given aggregates; the handler may change them further."""
        try:
            for each in results:
                if isinstance(each, DomainEvent):
                    self._unproven.add(each.originator_id)
                    self._apply(each, self._add_event(each))
                else:
                    self.touched[id(each)] = each
                    self._collect(each)
        except NotStorable as error:
            self._unsaved = error
            raise

    def mark(self) -> Mark:
        """The present contents, for `roll_back_to`."""
        return Mark(len(self._events), len(self._changed), len(self._timers))

    def roll_back_to(self, mark: Mark) -> Collection[UUID]:
        """Drops the events since a mark: a command was refused, and the others of its batch stay.

        Returns the ids of the aggregates that it read: it may have changed any of them.
        """
        ids = {each.id for each in self.touched.values()}
        ids.update(each.originator_id for each in self._rows[mark.events :])
        self.touched, self._unsaved = {}, None
        del self._rows[mark.events :], self._events[mark.events :], self._timers[mark.timers :]
        while len(self._changed) > mark.changed:
            self._changed.popitem()
        for each in ids:
            self._aggregates.evict(each)
        self._restore({each for each in ids if each in self._changed})
        return ids

    def change_timer(self, change: TimerChange) -> None:
        """Sets or cancels a timer in the transaction of this unit."""
        self._timers.append(TracedChange(unshared_change(change), self.trace, self._now()))

    def add_write(self, write: Callable[[Connection], None]) -> None:
        """Adds a write to the transaction of this unit."""
        self._writes.append(write)

    def write(self, connection: Connection) -> Sequence[int]:
        """Writes all events and timers; returns the ids of the events, in order."""
        ids: Sequence[int] = ()
        if self._rows:
            self._refuse_gaps(connection)
            appended = self._recorder.append(connection, self._rows)
            ids, self._before = appended.ids, appended.before
            self._messages = self._numbered(ids)
        write_changes(connection, self._application, self._timers, self._mapper)
        for write in self._writes:
            write(connection)
        return ids

    def after_commit(self) -> tuple[int, list[Message]]:
        """Ends the batch after its commit; returns the log's head before it, and its messages."""
        before, messages = self._before, self._messages
        if self._snapshots is not None:
            self._snapshots.write_due((self._aggregates[k], v) for k, v in self._changed.items())
        if messages and before == self._seen:
            self._seen = messages[-1].id
        self._aggregates.trim(self._changed)
        self._forget_changes()
        return before, messages

    def roll_back(self) -> None:
        """Drops the events, and all aggregates: they may be stale."""
        self._aggregates.clear()
        self._forget_changes()

    @property
    def changes_timers(self) -> bool:
        """Whether it sets or cancels timers."""
        return bool(self._timers)

    @property
    def size(self) -> int:
        """How many events are to be written."""
        return len(self._rows)

    def _refuse_gaps(self, connection: Connection) -> None:
        if self._unproven and self.has_whole_streams:
            rows = [each for each in self._rows if each.originator_id in self._unproven]
            self._recorder.log.refuse_gap(connection, rows)

    def _restore(self, ids: Collection[UUID]) -> None:
        """Reads aggregates from the log again, and applies their events that are to be written."""
        if not ids:
            return
        # An event that another writer adds meanwhile raises a conflict when this unit is written.
        self._read(ids, self._changed)
        for (event, _), row in zip(self._events, self._rows, strict=True):
            id_ = row.originator_id
            if id_ in ids:
                recorded = event if shareable_topics[row.topic] else self._decode(row)
                self._aggregates[id_] = recorded.mutate(self._aggregates[id_])
                self._aggregates.grow(id_, len(row.state))

    def _read(self, ids: Collection[UUID], upto: Mapping[UUID, int] | None = None) -> None:
        """Reads aggregates from the log, up to these versions; None for one that it lacks."""
        start = {} if self._snapshots is None else self._snapshots.newest(ids)
        if upto is not None:
            start = {k: each for k, each in start.items() if each.version <= upto[k]}
        streams = self._recorder.streams(ids, {k: each.version for k, each in start.items()})
        for each, rows in streams.items():
            if upto is not None:
                rows = [row for row in rows if row.originator_version <= upto[each]]
            snapshot = start.get(each)
            aggregate = None if snapshot is None else snapshot.aggregate
            self._aggregates[each] = _folded(aggregate, map(self._decode, rows))
            size = 0 if snapshot is None else snapshot.size
            self._aggregates.grow(each, size + sum(len(row.state) for row in rows))

    def _collect(self, aggregate: Any) -> None:
        events = aggregate.collect_events()
        if not events:
            return
        aggregate_id = aggregate.id
        self._aggregates[aggregate_id] = aggregate
        self._changed.setdefault(aggregate_id, events[0].originator_version - 1)
        # Once for all of them: each look into the cache hashes a UUID.
        self._aggregates.grow(aggregate_id, sum([self._add_event(each) for each in events]))

    def _apply(self, event: Any, size: int) -> None:
        """Applies an event to its cached aggregate, where the handler did not trigger it there."""
        known = self._aggregates.get(event.originator_id)
        if known is not None and known.version + 1 == event.originator_version:
            self._aggregates[known.id] = unshared(event).mutate(known)
            self._aggregates.grow(known.id, size)
            self._changed.setdefault(known.id, event.originator_version - 1)

    def _add_event(self, event: Any) -> int:
        """Adds an event to those to be written; returns its encoded size in bytes."""
        topic, state = self._mapper.topic_and_state(event)
        trace, id_, version = self.trace, event.originator_id, event.originator_version
        self._rows.append(EventRow(id_, version, topic, state, *trace, trace.bucket))
        self._events.append((event, trace))
        return len(state)

    def _numbered(self, ids: Sequence[int]) -> list[Message]:
        return [
            recorded_message(self._application, id_, row, event, self._decode)
            for id_, row, (event, _) in zip(ids, self._rows, self._events, strict=True)
        ]

    def _forget_changes(self) -> None:
        for each in self._absent:
            if self._aggregates.get(each, self) is None:
                self._aggregates.evict(each)
        self._absent.clear()
        self._unproven.clear()
        self.touched.clear()
        self._unsaved = None
        self._changed.clear()
        self._writes.clear()
        self._events, self._rows, self._timers, self._messages = [], [], [], []


def _folded(aggregate: Any, events: Iterable[Any]) -> Any:
    # Upstream's own loop checks each event for a `mutate` method, which takes longer.
    for each in events:
        aggregate = each.mutate(aggregate)
    return aggregate
