"""Who leads a follower now: a lease in the follower's row, by the database's own clock."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)

from sagaline.storage.tables import followers


def _now(connection: Connection) -> ColumnElement[float]:
    """Seconds since 1970, the same for every machine that uses this database."""
    if connection.dialect.name == "sqlite":
        return (func.julianday("now") - literal(2440587.5)) * literal(86400.0)
    return cast(func.extract("epoch", func.clock_timestamp()), Double)


def take_leases(
    connection: Connection,
    names: Collection[str],
    owner: str,
    seconds: float,
    dead: Collection[str] = (),
) -> set[str]:
    """Takes or renews the leases of these followers that are free; returns those that are held.

    A lease is free where it has run out, and where its owner is among the `dead`. One that changes
    hands moves the fence, so that its last owner, if it still runs, writes nothing more.
    """
    now = _now(connection)
    mine = followers.c.owner == owner
    free = or_(
        followers.c.owner.is_(None),
        mine,
        followers.c.lease_until < now,
        followers.c.owner.in_(dead),
    )
    fence = case((mine, followers.c.fence), else_=followers.c.fence + 1)
    statement = (
        update(followers)
        .where(followers.c.name.in_(names), free)
        .values(owner=owner, lease_until=now + literal(seconds), fence=fence)
        .returning(followers.c.name)
    )
    return {name for (name,) in connection.execute(statement)}


def keep_leases(connection: Connection, owner: str, seconds: float) -> None:
    """Renews the leases that an owner has, and takes no others."""
    statement = update(followers).where(followers.c.owner == owner)
    connection.execute(statement.values(lease_until=_now(connection) + literal(seconds)))


def release_leases(connection: Connection, owner: str) -> None:
    """Gives all leases of an owner back, for others to take at once."""
    statement = update(followers).where(followers.c.owner == owner)
    connection.execute(statement.values(owner=None, lease_until=None))


def owners(connection: Connection) -> dict[str, str]:
    """Who holds each follower's lease now; those that nobody holds are left out."""
    held = followers.c.lease_until >= _now(connection)
    query = select(followers.c.name, followers.c.owner).where(followers.c.owner.is_not(None), held)
    rows: Any = connection.execute(query)
    return dict(rows.tuples().all())


def known_owners(connection: Connection) -> set[str]:
    """All owners that are written down, alive or not."""
    query = select(followers.c.owner).where(followers.c.owner.is_not(None)).distinct()
    return {owner for (owner,) in connection.execute(query)}
