"""Semantic locks, which a saga instance holds from its start to its end.

A request is a row with a ticket; the lowest ticket of a name holds the lock. An instance requests
all its names at once with one ticket, and runs when it holds every lock. It waits only for lower
tickets, so no two instances can wait for each other.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, select

from sagaline.storage.sql import postgres
from sagaline.storage.tables.schema import saga_locks


class LockRequest(NamedTuple):
    """One instance's request in the queue of one name. `since` is in seconds since 1970."""

    name: str
    ticket: int
    saga: str
    key: str
    since: float


_columns = [saga_locks.c[name] for name in LockRequest._fields]


def request_locks(
    connection: Connection, saga: str, key: str, names: Iterable[str], now: float
) -> None:
    """Requests the locks of all these names in one transaction."""
    _serialize(connection)
    last = connection.execute(select(func.max(saga_locks.c.ticket))).scalar() or 0
    rows = [LockRequest(name, last + 1, saga, key, now)._asdict() for name in sorted(set(names))]
    connection.execute(insert(saga_locks), rows)


def release_locks(connection: Connection, saga: str, key: str) -> list[LockRequest]:
    """Releases all locks of an instance; returns the next holder of each."""
    _serialize(connection)
    mine = and_(saga_locks.c.saga == saga, saga_locks.c.key == key)
    names = list(connection.execute(select(saga_locks.c.name).where(mine)).scalars())
    connection.execute(delete(saga_locks).where(mine))
    heads = {each.ticket: each for each in _heads(connection, names)}
    return list(heads.values())


def blocking_request(connection: Connection, saga: str, key: str) -> LockRequest | None:
    """The first request, by name, that blocks an instance; None if the instance may run."""
    mine = saga_locks.alias("mine")
    query = (
        select(*_columns)
        .join(mine, and_(mine.c.name == saga_locks.c.name, mine.c.ticket > saga_locks.c.ticket))
        .where(mine.c.saga == saga, mine.c.key == key)
        .order_by(saga_locks.c.name, saga_locks.c.ticket)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else LockRequest(*row)


def all_lock_requests(connection: Connection) -> list[LockRequest]:
    """All requests, the holder of each name before those that wait for it."""
    query = select(*_columns).order_by(saga_locks.c.name, saga_locks.c.ticket)
    return [LockRequest(*row) for row in connection.execute(query)]


def _heads(connection: Connection, names: Iterable[str]) -> Iterable[LockRequest]:
    for name in names:
        query = select(*_columns).where(saga_locks.c.name == name)
        row = connection.execute(query.order_by(saga_locks.c.ticket).limit(1)).first()
        if row is not None:
            yield LockRequest(*row)


def _serialize(connection: Connection) -> None:
    """Makes tickets grow in commit order, and keeps releases from missing concurrent requests."""
    if connection.dialect.name == "postgresql":
        postgres.lock_saga_locks(connection)  # on SQLite the write transaction is the lock
