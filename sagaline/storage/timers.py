"""Timers in their table, written in the transaction of the follower that owns them."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from sagaline.storage.tables import timers

HELD = 253_402_300_799.0
"""When a timer is due that waits for a person: the last second of the year 9999."""


class TimerRow(NamedTuple):
    """A command that its owner will give to itself at `due_at` (seconds since 1970)."""

    id: str
    due_at: float
    topic: str
    state: bytes
    key: str | None
    cause: str | None
    hop: int | None


_delete = delete(timers).where(
    timers.c.follower == bindparam("owner"), timers.c.id == bindparam("timer")
)
_hold = (
    update(timers)
    .where(timers.c.follower == bindparam("owner"), timers.c.id == bindparam("timer"))
    .values(due_at=HELD)
)


def set_timers(connection: Connection, follower: str, rows: Sequence[TimerRow]) -> None:
    """Adds timers; those of the same ids must have been deleted before."""
    if rows:
        connection.execute(insert(timers), [{"follower": follower, **r._asdict()} for r in rows])


def delete_timers(connection: Connection, follower: str, ids: Collection[str]) -> None:
    """Deletes timers; those that are not there are no error."""
    if ids:
        connection.execute(_delete, [{"owner": follower, "timer": each} for each in ids])


def hold_timers(connection: Connection, follower: str, ids: Collection[str]) -> None:
    """Keeps timers from firing until a person makes them due again; a dead letter tells of each."""
    if ids:
        connection.execute(_hold, [{"owner": follower, "timer": each} for each in ids])


def due_timers(connection: Connection, follower: str, now: float, limit: int) -> list[TimerRow]:
    """The timers due by `now`, the longest due first."""
    columns = [timers.c[name] for name in TimerRow._fields]
    query = (
        select(*columns)
        .where(timers.c.follower == follower, timers.c.due_at <= now)
        .order_by(timers.c.due_at, timers.c.id)
        .limit(limit)
    )
    return [TimerRow(*row) for row in connection.execute(query)]


def pending_timers(connection: Connection, until: float | None = None) -> int:
    """How many timers of all followers are pending, up to a moment where one is given.

    Those that wait for a person are not among them.
    """
    query = select(func.count()).select_from(timers).where(timers.c.due_at < HELD)
    if until is not None:
        query = query.where(timers.c.due_at <= until)
    return connection.execute(query).scalar_one()


def first_dues(connection: Connection) -> dict[str, float]:
    """When the next timer of each follower is due; those that have none are left out."""
    query = select(timers.c.follower, func.min(timers.c.due_at)).group_by(timers.c.follower)
    rows: Any = connection.execute(query)
    return dict(rows.tuples().all())
