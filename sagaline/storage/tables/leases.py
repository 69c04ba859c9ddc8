"""Leases of followers, and the runners that ask for them, by the database's own clock.

A lease is part of the follower's row. Each live runner has a row of its own, with the followers
that it would run and their loads.
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

RUNNER_RETENTION = 60.0
"""Seconds after the end of a runner's lifetime in which its row is kept."""


def _now(connection: Connection) -> ColumnElement[float]:
    """The database's time in seconds since 1970, the same for every machine."""
    return _now_on(connection.dialect.name)


@cache
def _now_on(dialect: str) -> ColumnElement[float]:
    if dialect == "sqlite":
        return (func.julianday("now") - literal(2440587.5)) * literal(86400.0)
    return cast(func.extract("epoch", func.clock_timestamp()), Double)


class _Statements:
    """Statements that every runner runs more than once a second, even idle; built once."""

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
        self.live = select(runners.c.owner, runners.c.wanted).where(runners.c.alive_until >= now)
        self.owners = select(followers.c.name, followers.c.owner).where(
            followers.c.owner.is_not(None), followers.c.lease_until >= now
        )


_statements = cache(_Statements)


def acquire_leases(
    connection: Connection,
    names: Collection[str],
    owner: str,
    seconds: float,
    dead: Collection[str] = (),
) -> set[str]:
    """Acquires the free ones of these leases for `seconds`; returns their followers.

    A lease is free if it has expired, or if its owner is among the `dead`. Acquiring it moves the
    fence, so that its last owner, if it still runs, cannot write any more.
    """
    if connection.dialect.name == "postgresql":
        postgres.terminate_stuck_copies(connection, postgres.STUCK_COPY_TIMEOUT)
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


def last_owners(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """The last owner of each of these followers that was not released, by follower."""
    statement = select(followers.c.name, followers.c.owner).where(
        followers.c.name.in_(names), followers.c.owner.is_not(None)
    )
    rows: Any = connection.execute(statement)
    return dict(rows.tuples().all())


def release_leases(connection: Connection, names: Collection[str], owner: str) -> None:
    """Releases some leases of an owner, so that others can acquire them at once."""
    mine = update(followers).where(followers.c.owner == owner, followers.c.name.in_(names))
    connection.execute(mine.values(owner=None, lease_until=None))


def unregister_runner(connection: Connection, owner: str) -> None:
    """Releases all leases of an owner and deletes its row."""
    statement = update(followers).where(followers.c.owner == owner)
    connection.execute(statement.values(owner=None, lease_until=None))
    connection.execute(delete(runners).where(runners.c.owner == owner))


def renew_leases(
    connection: Connection, owner: str, loads: Mapping[str, float], seconds: float
) -> set[str]:
    """Renews the leases of an owner for `seconds`; returns their followers.

    `loads` are the followers that it would run, each with the work that it has caused.
    """
    statements, mine = _statements(connection.dialect.name), {"of": owner, "seconds": seconds}
    connection.execute(statements.alive, {**mine, "loads": json.dumps(loads)})
    return {name for (name,) in connection.execute(statements.mine, mine)}


def register_runner(
    connection: Connection, owner: str, loads: Mapping[str, float], seconds: float
) -> None:
    """Adds the row of a runner, and deletes those that expired long ago."""
    now = _now(connection)
    expired = delete(runners).where(runners.c.alive_until < now - literal(RUNNER_RETENTION))
    connection.execute(expired)
    until = now + literal(seconds)
    row = {"owner": owner, "wanted": json.dumps(loads), "alive_until": until}
    connection.execute(insert(runners).values(row))


def live_runners(connection: Connection) -> dict[str, dict[str, float]]:
    """The live runners, each with the followers that it would run, and their loads."""
    rows = connection.execute(_statements(connection.dialect.name).live)
    return {owner: loads for owner, wanted in rows.tuples() if (loads := _loads(wanted))}


def _loads(wanted: str) -> dict[str, float]:
    """The loads in a runner's row; none in a damaged one, so that it holds up no other runner."""
    try:
        found = json.loads(wanted)
        return {str(name): float(load) for name, load in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def lease_owners(connection: Connection) -> dict[str, str]:
    """The current owner of each follower's lease, by follower; without the free ones."""
    rows: Any = connection.execute(_statements(connection.dialect.name).owners)
    return dict(rows.tuples().all())
