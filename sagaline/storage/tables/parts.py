"""What a store holds of one part of a system: its events, its timers and its dead letters."""

from collections.abc import Collection, Container
from typing import Any, NamedTuple

from sqlalchemy import ColumnClause, Connection, TableClause, column, func, select, table

from sagaline.storage.sql.names import default_schema
from sagaline.storage.tables.read_tables import table_exists
from sagaline.storage.tables.schema import dead_letters, positions, timers


class Remains(NamedTuple):
    """How much a store holds of a part; `unread` events were not read by a follower of its log."""

    events: int = 0
    open_sagas: int = 0
    unread: int = 0
    timers: int = 0
    dead_letters: int = 0


def remains_of(
    connection: Connection,
    part: str,
    followers: Collection[str],
    begun: Collection[str],
    ended: Collection[str],
    schedules: Collection[str],
) -> Remains:
    """What is left of a part. `begun` and `ended` are the topics of a saga's start and end.

    Timers with a topic of `schedules` are not counted: another one always follows.

    `followers` are those that should have read its log.
    """
    letters = select(func.count()).where(dead_letters.c.follower == part)
    pending = select(func.count()).where(
        timers.c.follower == part, timers.c.topic.not_in(schedules)
    )
    return Remains(
        count_events(connection, part),
        _count_open(connection, part, begun, ended),
        _count_unread(connection, part, followers),
        connection.execute(pending).scalar_one(),
        connection.execute(letters).scalar_one(),
    )


def count_events(
    connection: Connection, part: str, topics: Container[str] | None = None, after: int = 0
) -> int:
    """How many events a log has, of these topics, after an id; 0 for a log without a table."""
    log = _log_of(connection, part)
    if not table_exists(connection, log.name):
        return 0
    query = select(log.c.topic, func.count()).where(log.c.id > after).group_by(log.c.topic)
    found = connection.execute(query)
    return sum(count for topic, count in found if topics is None or topic in topics)


def _count_open(
    connection: Connection, part: str, begun: Collection[str], ended: Collection[str]
) -> int:
    log = _log_of(connection, part)
    if not table_exists(connection, log.name):
        return 0
    end = log.alias("an_end")
    ends = select(end.c.id).where(
        end.c.originator_id == log.c.originator_id, end.c.topic.in_(ended)
    )
    started = select(func.count()).where(log.c.topic.in_(begun), ~ends.exists())
    return connection.execute(started).scalar_one()


def _count_unread(connection: Connection, part: str, followers: Collection[str]) -> int:
    query = select(func.min(positions.c.position)).where(
        positions.c.leader == part, positions.c.follower.in_(followers)
    )
    reached = connection.execute(query).scalar()
    return 0 if reached is None else count_events(connection, part, after=reached)


def _log_of(connection: Connection, part: str) -> TableClause:
    columns: list[ColumnClause[Any]] = [column(each) for each in ("id", "originator_id", "topic")]
    return table(f"{part.lower()}_events", *columns, schema=default_schema(connection))
