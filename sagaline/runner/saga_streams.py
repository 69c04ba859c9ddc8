"""The streams of saga instances in a log, a page at a time."""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, select

from sagaline.messaging.topics import stored_topics
from sagaline.saga.instance import Journal
from sagaline.storage import ApplicationRecorder

INSTANCES_PER_READ: Final = 100
"""Saga instances per read: so many are in memory at once."""


def open_streams(recorder: ApplicationRecorder) -> Iterator[list[UUID]]:
    """The ids of the instances that have started and not ended, in the order of their starts.

    One that was taken back after its end, or parked at its closing command, is open until it ends
    again.
    """
    begun = stored_topics(Journal.Started) | stored_topics(Journal.Begun)
    table = recorder.log.table
    end = table.alias("an_end")
    same = end.c.originator_id == table.c.originator_id
    ended = select(end.c.id).where(same, _is_last_end(end, table))
    query = (
        select(table.c.id, table.c.originator_id)
        .where(table.c.topic.in_(begun), ~ended.exists())
        .order_by(table.c.id)
    )
    last = 0
    while rows := _read(recorder, query.where(table.c.id > last)):
        yield [stream for _, stream in rows]
        last = rows[-1][0]


def ended_streams(recorder: ApplicationRecorder, count: int) -> Iterator[list[UUID]]:
    """The ids of so many instances that have ended, the last ones first."""
    table = recorder.log.table
    query = (
        select(table.c.id, table.c.originator_id)
        .where(_is_last_end(table, table))
        .order_by(table.c.id.desc())
    )
    seen: set[UUID] = set()
    last = recorder.head() + 1
    while len(seen) < count and (rows := _read(recorder, query.where(table.c.id < last))):
        new = [stream for _, stream in rows if stream not in seen]
        page = list(dict.fromkeys(new))[: count - len(seen)]
        yield page
        seen.update(page)
        last = rows[-1][0]


def _is_last_end(end: FromClause, log: Table) -> ColumnElement[bool]:
    """The condition that an event is an end, after which the instance was not opened again."""
    later = log.alias("a_later_event")
    opened = select(later.c.id).where(
        later.c.originator_id == end.c.originator_id,
        later.c.originator_version > end.c.originator_version,
        later.c.topic.in_(stored_topics(Journal.TakenBack) | stored_topics(Journal.Parked)),
    )
    return and_(end.c.topic.in_(stored_topics(Journal.Ended)), ~opened.exists())


def _read(
    recorder: ApplicationRecorder, query: Select[tuple[int, UUID]]
) -> Sequence[tuple[int, UUID]]:
    with recorder.datastore.read() as connection:
        rows = connection.execute(query.limit(INSTANCES_PER_READ)).all()
    return [(id, stream) for id, stream in rows]
