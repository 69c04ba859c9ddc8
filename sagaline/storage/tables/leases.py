"""Leases of followers, and the runners that ask for them, by the database's own clock.

A lease is part of the follower's row. Each live runner has a row of its own, with the followers
that it would run and their loads.
"""

import json
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from math import inf
from typing import Any, NamedTuple

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

from sagaline.storage.sql import postgres, postgres_session
from sagaline.storage.tables.schema import followers, runners

LEASE_DURATION = 4.0
"""Seconds that a lease lasts: the followers of a dead runner move within this time and a poll."""

CLOCK_TOLERANCE = 1.0
"""Seconds by which a lease may seem to last longer, because clocks are set."""

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


class Lease(NamedTuple):
    """The lease of a follower, as its row has it, and when it ends, in seconds from now."""

    follower: str
    owner: str
    ends_in: float

    @property
    def is_valid(self) -> bool:
        """Whether the follower has this owner now."""
        return 0 <= self.ends_in <= _duration(self.owner) + CLOCK_TOLERANCE

    @property
    def is_wrong(self) -> bool:
        """Whether it ends later than any lease of its owner can: a clock was wrong, or the row."""
        return self.ends_in > _duration(self.owner) + CLOCK_TOLERANCE


def new_owner(process: str, seconds: float) -> str:
    """The name of a new owner of leases, which last so many seconds each."""
    return f"{process}:{secrets.token_hex(4)}-{seconds:g}"


def _duration(owner: str) -> float:
    """How long a lease of an owner lasts. Version 0.1.0 did not write that into the name."""
    _, is_there, seconds = str(owner).rpartition(":")[2].partition("-")  # it may be damaged
    with suppress(ValueError):
        return float(seconds) if is_there else LEASE_DURATION
    return LEASE_DURATION


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
        self.live = select(runners.c.owner, runners.c.alive_until - now, runners.c.wanted)
        self.leases = select(
            followers.c.name, followers.c.owner, followers.c.lease_until - now
        ).where(followers.c.owner.is_not(None))


_statements = cache(_Statements)


def acquire_leases(
    connection: Connection,
    names: Collection[str],
    owner: str,
    seconds: float,
    dead: Collection[str] = (),
) -> set[str]:
    """Acquires the free ones of these leases for `seconds`; returns their followers.

    A lease is free if it has expired, if it ends later than it can, or if its owner is among the
    `dead`. Acquiring it moves the fence, so that its last owner, if it still runs, cannot write any
    more.
    """
    if connection.dialect.name == "postgresql":
        postgres_session.terminate_stuck_copies(connection, postgres.STUCK_COPY_TIMEOUT)
    now = _now(connection)
    wrong = {each.owner for each in all_leases(connection) if each.is_wrong}
    free = or_(
        followers.c.owner.is_(None),
        followers.c.lease_until < now,
        followers.c.owner.in_(wrong.union(dead)),
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
    return {
        owner: loads
        for owner, ends_in, wanted in rows.tuples()
        if Lease("", owner, ends_in).is_valid and (loads := _loads(wanted))
    }


def _loads(wanted: str) -> dict[str, float]:
    """The loads in a runner's row; none in a damaged one, so that it holds up no other runner."""
    try:
        found = json.loads(wanted)
        return {str(name): float(load) for name, load in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def lease_owners(connection: Connection) -> dict[str, str]:
    """The current owner of each follower's lease, by follower; without the free ones."""
    return {each.follower: each.owner for each in all_leases(connection) if each.is_valid}


def all_leases(connection: Connection) -> list[Lease]:
    """The leases of all followers, whether they hold or not."""
    rows = connection.execute(_statements(connection.dialect.name).leases)
    return [
        Lease(name, owner, -inf if ends_in is None else ends_in)
        for name, owner, ends_in in rows.tuples()
    ]
