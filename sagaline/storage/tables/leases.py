"""Who leads a follower now: a lease in the follower's row, by the database's own clock.

And who would, and how much work each follower is: each runner says so, in a row of its own, for as
long as it is alive.
"""

import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Double,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from sagaline.storage.sql import postgres
from sagaline.storage.tables.schema import followers, runners

FORGOTTEN = 60.0
"""Seconds after which an owner that says nothing any more is not even known."""


def _now(connection: Connection) -> ColumnElement[float]:
    """Seconds since 1970, the same for every machine that uses this database."""
    return _now_on(connection.dialect.name)


@cache
def _now_on(dialect: str) -> ColumnElement[float]:
    if dialect == "sqlite":
        return (func.julianday("now") - literal(2440587.5)) * literal(86400.0)
    return cast(func.extract("epoch", func.clock_timestamp()), Double)


class _Renewing:
    """What every runner asks more than once a second, also while it rests: made once."""

    def __init__(self, dialect: str) -> None:
        now = _now_on(dialect)
        owner: BindParameter[str] = bindparam("of")
        until = now + bindparam("seconds", type_=Double)
        self.alive = (
            update(runners)
            .where(runners.c.owner == owner)
            .values(alive_until=until, wanted=bindparam("loads"))
        )
        self.mine = (
            update(followers)
            .where(followers.c.owner == owner)
            .values(lease_until=until)
            .returning(followers.c.name)
        )
        self.living = select(runners.c.owner, runners.c.wanted).where(runners.c.alive_until >= now)
        self.owners = select(followers.c.name, followers.c.owner).where(
            followers.c.owner.is_not(None), followers.c.lease_until >= now
        )


_renewing = cache(_Renewing)


def take_leases(
    connection: Connection,
    names: Collection[str],
    owner: str,
    seconds: float,
    dead: Collection[str] = (),
) -> set[str]:
    """Takes those of these leases that are free; returns the followers that are new to the owner.

    A lease is free where it has run out, and where its owner is among the `dead`. To take it moves
    the fence, so that its last owner, if it still runs, writes nothing more.
    """
    if connection.dialect.name == "postgresql":
        postgres.end_stuck(connection, postgres.STUCK)
    now = _now(connection)
    free = or_(
        followers.c.owner.is_(None), followers.c.lease_until < now, followers.c.owner.in_(dead)
    )
    statement = (
        update(followers)
        .where(followers.c.name.in_(names), free)
        .values(owner=owner, lease_until=now + literal(seconds), fence=followers.c.fence + 1)
        .returning(followers.c.name)
    )
    return {name for (name,) in connection.execute(statement)}


def give_back_leases(connection: Connection, names: Collection[str], owner: str) -> None:
    """Gives some leases of an owner back, for others to take at once."""
    mine = update(followers).where(followers.c.owner == owner, followers.c.name.in_(names))
    connection.execute(mine.values(owner=None, lease_until=None))


def release_leases(connection: Connection, owner: str) -> None:
    """Gives all leases of an owner back, who wants no more of them."""
    statement = update(followers).where(followers.c.owner == owner)
    connection.execute(statement.values(owner=None, lease_until=None))
    connection.execute(delete(runners).where(runners.c.owner == owner))


def keep_leases(
    connection: Connection, owner: str, loads: Mapping[str, float], seconds: float
) -> set[str]:
    """Renews the leases that an owner has, and takes no others; returns their followers.

    `loads` are the followers that it would lead, each with the work that it has had with it.
    """
    ask, mine = _renewing(connection.dialect.name), {"of": owner, "seconds": seconds}
    connection.execute(ask.alive, {**mine, "loads": json.dumps(loads)})
    return {name for (name,) in connection.execute(ask.mine, mine)}


def appear(connection: Connection, owner: str, loads: Mapping[str, float], seconds: float) -> None:
    """Makes an owner known, and which followers it would lead; forgets the long silent ones."""
    now = _now(connection)
    silent = delete(runners).where(runners.c.alive_until < now - literal(FORGOTTEN))
    connection.execute(silent)
    until = now + literal(seconds)
    row = {"owner": owner, "wanted": json.dumps(loads), "alive_until": until}
    connection.execute(insert(runners).values(row))


def living(connection: Connection) -> dict[str, dict[str, float]]:
    """The owners that are alive, each with the followers that it would lead, and their loads."""
    rows = connection.execute(_renewing(connection.dialect.name).living)
    return {owner: json.loads(wanted) for owner, wanted in rows.tuples()}


def owners(connection: Connection) -> dict[str, str]:
    """Who holds each follower's lease now; those that nobody holds are left out."""
    rows: Any = connection.execute(_renewing(connection.dialect.name).owners)
    return dict(rows.tuples().all())
