"""The streams of saga instances in a log, a page at a time."""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select

from sagaline.messaging.topics import stored_topics
from sagaline.saga.instance import Journal
from sagaline.storage import ApplicationRecorder

INSTANCES_PER_READ: Final = 100
"""Saga instances per read: so many are in memory at once."""


def open_streams(recorder: ApplicationRecorder) -> Iterator[list[UUID]]:
    """The ids of the instances that have started and not ended, in the order of their starts."""
    begun = stored_topics(Journal.Started) | stored_topics(Journal.Begun)
    table = recorder.log.table
    end = table.alias("an_end")
    ended = select(end.c.id).where(
        end.c.originator_id == table.c.originator_id,
        end.c.topic.in_(stored_topics(Journal.Ended)),
    )
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
        .where(table.c.topic.in_(stored_topics(Journal.Ended)))
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


def _read(
    recorder: ApplicationRecorder, query: Select[tuple[int, UUID]]
) -> Sequence[tuple[int, UUID]]:
    with recorder.datastore.read() as connection:
        rows = connection.execute(query.limit(INSTANCES_PER_READ)).all()
    return [(id, stream) for id, stream in rows]
