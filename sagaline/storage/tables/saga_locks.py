"""Semantic locks: what a saga keeps to itself from its start to its end.

A claim is a row with a ticket; of all claims on one name the lowest ticket holds it. An instance
claims all its names at once with one ticket, and runs when it is the first on each of them. It
waits for lower tickets alone, so no two can wait for each other.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, select

from sagaline.storage.sql import postgres
from sagaline.storage.tables.schema import saga_locks


class LockRequest(NamedTuple):
    """What one instance claims, in the queue of one name."""

    name: str
    ticket: int
    saga: str
    key: str
    since: float


def request_locks(
    connection: Connection, saga: str, key: str, names: Iterable[str], now: float
) -> None:
    """Queues for all these names at once."""
    _one_at_a_time(connection)
    last = connection.execute(select(func.max(saga_locks.c.ticket))).scalar() or 0
    rows = [LockRequest(name, last + 1, saga, key, now)._asdict() for name in sorted(set(names))]
    connection.execute(insert(saga_locks), rows)


def release_locks(connection: Connection, saga: str, key: str) -> list[LockRequest]:
    """Gives all names of an instance back; returns who is the first on one of them now."""
    _one_at_a_time(connection)
    mine = and_(saga_locks.c.saga == saga, saga_locks.c.key == key)
    names = list(connection.execute(select(saga_locks.c.name).where(mine)).scalars())
    connection.execute(delete(saga_locks).where(mine))
    heads = {each.ticket: each for each in _heads(connection, names)}
    return list(heads.values())


def first_ahead_of(connection: Connection, saga: str, key: str) -> LockRequest | None:
    """The first claim, by name, that an instance has to wait for; None where it may run."""
    mine = saga_locks.alias("mine")
    columns = [saga_locks.c[name] for name in LockRequest._fields]
    query = (
        select(*columns)
        .join(mine, and_(mine.c.name == saga_locks.c.name, mine.c.ticket > saga_locks.c.ticket))
        .where(mine.c.saga == saga, mine.c.key == key)
        .order_by(saga_locks.c.name, saga_locks.c.ticket)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else LockRequest(*row)


def all_lock_requests(connection: Connection) -> list[LockRequest]:
    """All claims, the holder of each name before those that wait for it."""
    columns = [saga_locks.c[name] for name in LockRequest._fields]
    query = select(*columns).order_by(saga_locks.c.name, saga_locks.c.ticket)
    return [LockRequest(*row) for row in connection.execute(query)]


def _heads(connection: Connection, names: Iterable[str]) -> Iterable[LockRequest]:
    columns = [saga_locks.c[name] for name in LockRequest._fields]
    for name in names:
        query = select(*columns).where(saga_locks.c.name == name)
        row = connection.execute(query.order_by(saga_locks.c.ticket).limit(1)).first()
        if row is not None:
            yield LockRequest(*row)


def _one_at_a_time(connection: Connection) -> None:
    """Tickets grow in the order of commits, and no release overlooks a claim beside it."""
    if connection.dialect.name == "postgresql":
        postgres.lock_claims(connection)  # a write transaction of SQLite is the lock
