"""Upstream's recorders of events, over logs that are appended and read in batches."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification, ProgrammingError, StoredEvent
from eventsourcing_sqlalchemy.recorders import (
    SQLAlchemyAggregateRecorder,
    SQLAlchemyApplicationRecorder,
    SQLAlchemyRecorder,
)
from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session
from typing_extensions import override

from sagaline.storage.log.event_log import NO_VERSIONS, Log
from sagaline.storage.log.postgres_log import PostgresLog
from sagaline.storage.log.rows import Appended, EventRow, LogRow, Page, Part
from sagaline.storage.log.samples import SampleWriter
from sagaline.storage.log.sqlite_log import SQLiteLog
from sagaline.storage.log.subscription import LogSubscription
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.sql.records import table_of
from sagaline.storage.tables.creation import create_tables

Trace = tuple[str | None, str | None, int | None]

MAX_CHANGED_EVENTS = 5_000
"""Events of other writers above which dropping a whole cache is cheaper than parts of it."""

_LOGS: dict[str, type[Log]] = {"sqlite": SQLiteLog, "postgresql": PostgresLog}


class Recorder(SQLAlchemyRecorder):
    """The base of all recorders: it creates its tables in a `Datastore`."""

    datastore: Datastore

    @override
    def create_table(self) -> None:
        """Creates the missing tables of this recorder and of the framework."""
        create_tables(self.datastore, self.tables)


class AggregateRecorder(Recorder, SQLAlchemyAggregateRecorder):
    """Records events or snapshots without notification ids."""

    def __init__(
        self,
        datastore: Datastore,
        *,
        events_table_name: str,
        schema_name: str | None = None,
        for_snapshots: bool = False,
    ) -> None:
        SQLAlchemyAggregateRecorder.__init__(
            self,
            datastore,
            events_table_name=events_table_name,
            schema_name=schema_for(datastore, schema_name),
            for_snapshots=for_snapshots,
        )
        self.check_identifier_length(events_table_name)

    @cached_property
    def log(self) -> Log:
        """The log of the events table."""
        table = table_of(self.events_record_cls)
        return _LOGS[self.datastore.dialect](table, self.datastore.engine.dialect)

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        with self.datastore.read() as connection:
            rows = self.log.stream(
                connection, originator_id, gt=gt, lte=lte, desc=desc, limit=limit
            )
        return [StoredEvent(*row) for row in rows]

    @override
    def _insert_stored_events(
        self, session: Session, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        if self._has_autoincrementing_ids:
            rows = traced(stored_events)
            self.log.refuse_gap(session.connection(), rows)
            self.log.append(session.connection(), rows)
        elif stored_events:
            values = [vars(each) for each in stored_events]
            session.connection().execute(insert(table_of(self.events_record_cls)), values)
        return None


class ApplicationRecorder(AggregateRecorder, SQLAlchemyApplicationRecorder):
    """Records the events of an application in one log with increasing ids."""

    def __init__(
        self, datastore: Datastore, *, events_table_name: str, schema_name: str | None = None
    ) -> None:
        super().__init__(datastore, events_table_name=events_table_name, schema_name=schema_name)
        self.channel_name = events_table_name.replace(".", "_")
        self.samples = SampleWriter(datastore, events_table_name)

    def append(self, connection: Connection, rows: Sequence[EventRow]) -> Appended:
        """Appends events in order, in the caller's transaction, under the log's lock.

        The lock is held until the commit, so that events become visible in the order of their
        ids. Raises VersionConflict if another writer was first; the transaction cannot commit then.
        """
        try:
            appended = self.log.append(connection, rows)
            self.samples.note(connection, rows, appended.ids)
        except BaseException as error:
            self.datastore.forbid_commit(error)
            raise
        return appended

    def page(
        self,
        after: int,
        limit: int,
        without: Collection[str] = (),
        upto: int | None = None,
        part: Part | None = None,
    ) -> Page:
        """Reads up to `limit` events after `after`, up to the id `upto`.

        It leaves out events of the topics `without`; with a `part`, it keeps only that part's
        events. The page's `head` is the position to record: the id of the newest event if the page
        reaches it.
        """
        with self.datastore.read() as connection:
            return self.log.page(connection, after, limit, without, upto, part)

    def streams(
        self, originator_ids: Collection[UUID], after: Mapping[UUID, int] = NO_VERSIONS
    ) -> dict[UUID, list[LogRow]]:
        """The events of each of these aggregates, by version; an empty list if there are none.

        For an aggregate in `after`, it reads only the events after that version.
        """
        with self.datastore.read() as connection:
            return self.log.streams(connection, originator_ids, after)

    def changed_since(self, after: int) -> tuple[set[UUID] | None, int]:
        """The aggregates with events after `after`, and the head; None if there are too many."""
        with self.datastore.read() as connection:
            return self.log.changed(connection, after, MAX_CHANGED_EVENTS)

    def head(self) -> int:
        """The id of the newest event; 0 in an empty log."""
        with self.datastore.read() as connection:
            return self.log.head(connection)

    @override
    def max_notification_id(self) -> int | None:
        return self.head() or None

    @override
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        with self.datastore.read() as connection:
            rows = self.log.notifications(
                connection, start, limit, stop, topics, inclusive_of_start=inclusive_of_start
            )
        return [Notification(o, v, t, s, i) for i, o, v, t, s in rows]

    @override
    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LogSubscription:
        return LogSubscription(self, self.datastore, self.channel_name, gt, topics)

    @override
    def _insert_stored_events(
        self, session: Session, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int]:
        if not stored_events:
            return []
        rows = traced(stored_events, kwargs.get("trace"))
        self.log.refuse_gap(session.connection(), rows)
        return list(self.append(session.connection(), rows).ids)


def schema_for(datastore: Datastore, asked: str | None) -> str | None:
    """The datastore's schema. Raises ProgrammingError if another one is asked for.

    Events and positions must be in one schema.
    """
    if asked is not None and datastore.schema != asked and datastore.dialect == "postgresql":
        raise ProgrammingError(
            f"The schema belongs to the datastore: Datastore(..., schema={asked!r})"
        )
    return datastore.schema


def traced(
    stored_events: Sequence[StoredEvent], trace: Sequence[Trace] | None = None
) -> list[EventRow]:
    """Upstream's stored events as rows; only the framework's own events have an envelope."""
    if trace is None:
        return [
            EventRow(e.originator_id, e.originator_version, e.topic, e.state)  # type: ignore[arg-type]  # text is bound as a UUID
            for e in stored_events
        ]
    return [
        EventRow(e.originator_id, e.originator_version, e.topic, e.state, *envelope)  # type: ignore[arg-type]  # text is bound as a UUID
        for e, envelope in zip(stored_events, trace, strict=True)
    ]
