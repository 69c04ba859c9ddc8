"""Timers: their rows, written in the transaction of the follower that owns them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.tables.schema import followers, timers

HELD_DUE_AT = 253_402_300_799.0
"""The due time of a timer that waits for an operator: the last second of the year 9999."""

LAST_DUE_AT = HELD_DUE_AT - 0.0005
"""The latest due time of any other timer."""


class TimerRow(NamedTuple):
    """A message that its owner handles at `due_at` (seconds since 1970)."""

    id: str
    due_at: float
    topic: str
    state: bytes
    key: str | None
    cause: str | None
    hop: int | None
    answers: str | None = None
    metadata: str | None = None


_columns = [timers.c[name] for name in TimerRow._fields]

_shown = [timers.c[name] for name in TimerRow._fields[:-2]]
"""Without those that a store of an earlier version lacks until it is run."""

_hold = (
    update(timers)
    .where(timers.c.follower == bindparam("owner"), timers.c.id == bindparam("timer"))
    .values(due_at=HELD_DUE_AT)
)

# One index search for each follower, however many timers it has.
_first_due = (
    select(func.min(timers.c.due_at)).where(timers.c.follower == followers.c.name).scalar_subquery()
)
_first_dues = select(followers.c.name, _first_due)


def set_timers(connection: Connection, follower: str, rows: Sequence[TimerRow]) -> None:
    """Sets timers; each replaces one of the same id."""
    if rows:
        owner = [follower] * len(rows)
        bulk = bulk_of(timers, connection)
        bulk.write(connection, bulk.upserted([owner, *zip(*rows, strict=True)]))


def delete_timers(connection: Connection, follower: str, ids: Collection[str]) -> None:
    """Deletes timers; it ignores unknown ids."""
    if ids:
        bulk = bulk_of(timers, connection)
        bulk.write(connection, bulk.deleted([[follower] * len(ids), list(ids)]))


def hold_timers(connection: Connection, follower: str, ids: Collection[str]) -> None:
    """Stops timers from firing until an operator makes them due; each has a dead letter."""
    if ids:
        connection.execute(_hold, [{"owner": follower, "timer": each} for each in ids])


def due_at_of(due: datetime) -> float:
    """The due time of a timer, in seconds since 1970; at most `LAST_DUE_AT`."""
    return min(due.timestamp(), LAST_DUE_AT)


def due_timers(
    connection: Connection,
    follower: str,
    now: float,
    limit: int,
    topics: Collection[str] | None = None,
) -> list[TimerRow]:
    """The timers due by `now`, the earliest first; all of them, or those of some topics."""
    query = select(*_columns).where(timers.c.follower == follower, timers.c.due_at <= now)
    if topics is not None:
        query = query.where(timers.c.topic.in_(topics))
    query = query.order_by(timers.c.due_at, timers.c.id).limit(limit)
    return [TimerRow(*row) for row in connection.execute(query)]


def first_timers(connection: Connection, follower: str, limit: int) -> list[TimerRow]:
    """Up to `limit` timers of a follower, those that are held among them."""
    query = select(*_shown).where(timers.c.follower == follower).order_by(timers.c.id)
    return [TimerRow(*row) for row in connection.execute(query.limit(limit))]


def timer_of_id(connection: Connection, follower: str, id: str) -> TimerRow | None:
    """One timer; None if there is none with this id."""
    query = select(*_columns).where(timers.c.follower == follower, timers.c.id == id)
    row = connection.execute(query).first()
    return None if row is None else TimerRow(*row)


def due_of(connection: Connection, follower: str, id: str) -> float | None:
    """The due time of a timer; None if there is none with this id."""
    query = select(timers.c.due_at).where(timers.c.follower == follower, timers.c.id == id)
    due: float | None = connection.execute(query).scalar()
    return due


def timers_named(connection: Connection, name: str) -> list[tuple[str, TimerRow]]:
    """The timers with an id, or with ``follower/id``, each with its follower."""
    query = select(timers.c.follower, *_shown).where(
        or_(timers.c.id == name, timers.c.follower + "/" + timers.c.id == name)
    )
    return [(follower, TimerRow(*row)) for follower, *row in connection.execute(query)]


def timers_of_id(connection: Connection, id: str) -> list[tuple[str, TimerRow]]:
    """The timers with one id, each with its follower: one index search for each follower."""
    joined = followers.join(timers, and_(timers.c.follower == followers.c.name, timers.c.id == id))
    query = select(followers.c.name, *_columns).select_from(joined)
    return [(follower, TimerRow(*row)) for follower, *row in connection.execute(query)]


def move_timer(connection: Connection, follower: str, id: str, due_at: datetime) -> None:
    """Changes the due time of a timer."""
    row = timers.c.follower == follower, timers.c.id == id
    connection.execute(update(timers).where(*row).values(due_at=due_at_of(due_at)))


def pending_timers(connection: Connection) -> int:
    """The number of pending timers, without those that wait for an operator."""
    query = select(func.count()).select_from(timers).where(timers.c.due_at < HELD_DUE_AT)
    return connection.execute(query).scalar() or 0


def is_due(connection: Connection, until: float, but: Collection[str]) -> bool:
    """Whether a timer is due by then, of another topic than those in `but`."""
    due = timers.c.due_at <= until, timers.c.due_at < HELD_DUE_AT, timers.c.topic.not_in(but)
    found = select(timers.c.id).where(timers.c.follower == followers.c.name, *due).exists()
    return connection.execute(select(followers.c.name).where(found).limit(1)).first() is not None


def first_dues(connection: Connection) -> dict[str, float]:
    """The due time of each follower's next timer, by follower; without followers that have none."""
    rows = connection.execute(_first_dues)
    return {name: due_at for name, due_at in rows if due_at is not None}
