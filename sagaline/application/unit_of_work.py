"""A unit of work: what a batch of an application has read and changed, before it is on disk."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import DomainEvent
from sqlalchemy import Connection

from sagaline.application.snapshots import Snapshots
from sagaline.codec import TypedMapper
from sagaline.followers.timers import timer_row
from sagaline.messaging.message import Message, Trace
from sagaline.messaging.timers import SetTimer, TimerChange
from sagaline.storage import ApplicationRecorder, EventRow
from sagaline.storage.tables.timers import TimerRow, delete_timers, set_timers

KEPT = 20_000
"""Aggregates kept in memory between batches; about 2 KB each."""


class Mark(NamedTuple):
    """How much a unit held at some moment."""

    events: int
    changed: int
    timers: int


class UnitOfWork:
    """An identity map over aggregates, and the events that wait for one transaction.

    Aggregates stay in the map after their batch is on disk, and are evicted when it is rolled back
    or another writer was first; so the map never holds what the log does not.
    """

    def __init__(
        self,
        application: str,
        recorder: ApplicationRecorder,
        mapper: TypedMapper,
        now: Callable[[], datetime],
        snapshots: Snapshots | None = None,
    ) -> None:
        self.trace = Trace(None, None, 0)
        """What the events that are recorded next will carry."""
        self.attempt = 1
        """For which time the command in hand is tried."""
        self._application = application
        self._recorder = recorder
        self._mapper = mapper
        self._now = now
        self._snapshots = snapshots
        self._aggregates: dict[UUID, Any] = {}
        self._absent: list[UUID] = []
        self._touched: dict[int, Any] = {}
        """By their place in memory: to hash a UUID takes a call."""
        self._changed: dict[UUID, int] = {}
        """The versions from which the aggregates were changed."""
        self._events: list[tuple[Any, Trace]] = []
        self._rows: list[EventRow] = []
        self._timers: list[tuple[TimerChange, Trace, datetime]] = []
        self._also: list[Callable[[Connection], None]] = []
        self._messages: list[Message] = []
        self._before = 0
        self._seen = 0

    def refresh(self) -> None:
        """Evicts what other writers of this log have changed since the last batch.

        Without it a refusal could be decided on stale state: it writes nothing to the aggregate
        that it looked at, so no version conflict would tell.
        """
        changed, self._seen = self._recorder.changed_since(self._seen)
        if changed is None:
            self._aggregates.clear()
        else:
            for each in changed:
                self._aggregates.pop(each, None)

    def prefetch(self, ids: Collection[UUID]) -> None:
        """Reads in one go the aggregates that will be wanted; those that are not there too."""
        missing = [each for each in ids if each not in self._aggregates]
        if not missing:
            return
        stored = self._stored(missing)
        self._aggregates |= stored
        self._absent += [each for each, aggregate in stored.items() if aggregate is None]

    def get(self, aggregate_id: UUID) -> Any:
        """The aggregate, the same object whoever asks in this batch.

        Raises AggregateNotFoundError where no event of it is recorded.
        """
        if aggregate_id not in self._aggregates:
            self.prefetch([aggregate_id])
        aggregate = self._aggregates[aggregate_id]
        if aggregate is None:
            raise AggregateNotFoundError(f"There is no aggregate {aggregate_id}.")
        self._touched[id(aggregate)] = aggregate
        return aggregate

    def find(self, ids: Sequence[UUID]) -> list[Any]:
        """The aggregates in the order of their ids, None where there is none."""
        try:
            found = [self._aggregates[each] for each in ids]
        except KeyError:
            self.prefetch(ids)
            found = [self._aggregates[each] for each in ids]
        self._touched.update((id(each), each) for each in found if each is not None)
        return found

    def record(self, results: Iterable[Any]) -> None:
        """Takes the new events of the given aggregates, and of all that were read and changed.

        Raises NotStorable, at once, where an event would not come back as it is.
        """
        for each in results:
            if isinstance(each, DomainEvent):
                self._take(each)
                self._follow(each)
            else:
                self._touched[id(each)] = each
                self._collect(each)
        for each in self._touched.values():
            self._collect(each)
        self._touched.clear()

    def mark(self) -> Mark:
        """What it holds now, for `roll_back_to`."""
        return Mark(len(self._events), len(self._changed), len(self._timers))

    def roll_back_to(self, mark: Mark) -> None:
        """Undoes what has come since: a command was refused, and others stand before and behind it.

        Whatever the command has touched it may have changed, so that is read again.
        """
        touched, self._touched = self._touched, {}
        del self._rows[mark.events :], self._events[mark.events :], self._timers[mark.timers :]
        while len(self._changed) > mark.changed:
            self._changed.popitem()
        ids = [each.id for each in touched.values()]
        for each in ids:
            self._aggregates.pop(each, None)
        self._restore([each for each in ids if each in self._changed])

    def change_timer(self, change: TimerChange) -> None:
        """Sets or cancels a timer, in the transaction of this unit."""
        self._timers.append((change, self.trace, self._now()))

    def also(self, write: Callable[[Connection], None]) -> None:
        """Has something else written, in the transaction of this unit."""
        self._also.append(write)

    def write(self, connection: Connection) -> Sequence[int]:
        """Writes all events and timers; returns the ids of the events, in order."""
        ids: Sequence[int] = ()
        if self._rows:
            appended = self._recorder.append(connection, self._rows)
            ids, self._before = appended.ids, appended.before
            self._messages = self._numbered(ids)
        self._write_timers(connection)
        for write in self._also:
            write(connection)
        return ids

    def after_commit(self) -> tuple[int, list[Message]]:
        """What was written is on disk: hands over the log's head before it, and the messages."""
        before, messages = self._before, self._messages
        if self._snapshots is not None:
            self._snapshots.take((self._aggregates[k], v) for k, v in self._changed.items())
        if messages and before == self._seen:
            self._seen = messages[-1].id
        if len(self._aggregates) > KEPT // 2:
            for each in self._changed:
                self._aggregates[each] = self._aggregates.pop(each)
            self._trim()
        self._forget_changes()
        return before, messages

    def roll_back(self) -> None:
        """What was not written is void, and so may be all that was read."""
        self._aggregates.clear()
        self._forget_changes()

    @property
    def changes_timers(self) -> bool:
        """Whether it sets or cancels timers."""
        return bool(self._timers)

    @property
    def size(self) -> int:
        """How many events wait to be written."""
        return len(self._rows)

    def _restore(self, ids: Sequence[UUID]) -> None:
        """Reads aggregates as the log has them, with the events that wait to be written."""
        # What another writer adds meanwhile is met as a conflict, when this is written.
        stored = self._stored(ids, self._changed) if ids else {}
        for each in ids:
            new = [event for event, _ in self._events if event.originator_id == each]
            self._aggregates[each] = _folded(stored[each], new)

    def _stored(
        self, ids: Collection[UUID], upto: Mapping[UUID, int] | None = None
    ) -> dict[UUID, Any]:
        """Aggregates as the log has them, up to these versions; None for one that it has not."""
        start = {} if self._snapshots is None else self._snapshots.newest(ids)
        if upto is not None:
            start = {k: each for k, each in start.items() if each.version <= upto[k]}
        streams = self._recorder.streams(ids, {k: each.version for k, each in start.items()})
        to_event: Callable[[Any], Any] = self._mapper.to_domain_event
        found: dict[UUID, Any] = {}
        for each, rows in streams.items():
            if upto is not None:
                rows = [row for row in rows if row.originator_version <= upto[each]]
            found[each] = _folded(start.get(each), map(to_event, rows))
        return found

    def _collect(self, aggregate: Any) -> None:
        events = aggregate.collect_events()
        if not events:
            return
        aggregate_id = aggregate.id
        self._aggregates[aggregate_id] = aggregate
        self._changed.setdefault(aggregate_id, events[0].originator_version - 1)
        for each in events:
            self._take(each)

    def _follow(self, event: Any) -> None:
        """Brings an aggregate in memory up to an event that its handler did not trigger on it."""
        known = self._aggregates.get(event.originator_id)
        if known is not None and known.version + 1 == event.originator_version:
            self._aggregates[known.id] = event.mutate(known)
            self._changed.setdefault(known.id, event.originator_version - 1)

    def _take(self, event: Any) -> None:
        topic, state = self._mapper.topic_and_state(event)
        self._rows.append(
            EventRow(event.originator_id, event.originator_version, topic, state, *self.trace)
        )
        self._events.append((event, self.trace))

    def _numbered(self, ids: Sequence[int]) -> list[Message]:
        return [
            Message(self._application, id_, row.topic, *trace, event)
            for id_, row, (event, trace) in zip(ids, self._rows, self._events, strict=True)
        ]

    def _write_timers(self, connection: Connection) -> None:
        cancelled: dict[str, None] = {}
        rows: dict[str, TimerRow] = {}
        for change, trace, now in self._timers:  # the last change of a timer is the one that counts
            if isinstance(change, SetTimer):
                cancelled.pop(change.id, None)
                rows[change.id] = timer_row(change, now, trace)
            else:
                rows.pop(change.id, None)
                cancelled[change.id] = None
        delete_timers(connection, self._application, list(cancelled))
        set_timers(connection, self._application, list(rows.values()))

    def _trim(self) -> None:
        excess = len(self._aggregates) - KEPT
        if excess > 0:
            for each in list(self._aggregates)[:excess]:
                del self._aggregates[each]

    def _forget_changes(self) -> None:
        for each in self._absent:
            if self._aggregates.get(each, self) is None:
                del self._aggregates[each]
        self._absent.clear()
        self._touched.clear()
        self._changed.clear()
        self._also.clear()
        self._events, self._rows, self._timers, self._messages = [], [], [], []


def _folded(aggregate: Any, events: Iterable[Any]) -> Any:
    # Upstream's own loop asks each event whether it can do this, which takes longer.
    for each in events:
        aggregate = each.mutate(aggregate)
    return aggregate
