"""Followers, their fences, and their positions in the logs that they follow."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

from eventsourcing.persistence import IntegrityError
from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sagaline.errors import FencedOut
from sagaline.storage.sql.names import qualified
from sagaline.storage.tables.schema import followers, positions, read_tables


class FollowerState(NamedTuple):
    """A follower's positions, and its fence: only a runner that knows the fence may write."""

    fence: int
    positions: dict[str, int]


_bump_fence = (
    update(followers)
    .where(followers.c.name == bindparam("follower"))
    .values(fence=followers.c.fence + 1)
)
_read_fence = select(followers.c.fence).where(followers.c.name == bindparam("follower"))
_read_position = select(positions.c.position).where(
    positions.c.follower == bindparam("follower"), positions.c.leader == bindparam("leader")
)
_read_positions = select(positions.c.leader, positions.c.position).where(
    positions.c.follower == bindparam("follower")
)

_Insert = sqlite.Insert | postgresql.Insert


def _placing_forward(statement: _Insert) -> _Insert:
    new = statement.excluded.position
    return statement.on_conflict_do_update(
        index_elements=[positions.c.follower, positions.c.leader],
        set_={"position": new},
        where=positions.c.position < new,
    )


class _Statements:
    """Statements built with a dialect's own INSERT class."""

    def __init__(self, insert: Callable[[Table], _Insert]) -> None:
        self.add_follower = insert(followers).on_conflict_do_nothing()
        self.add_position = insert(positions).on_conflict_do_nothing()
        self.place_forward = _placing_forward(insert(positions)).execution_options(
            preserve_rowcount=True
        )


_statements = {
    "sqlite": _Statements(sqlite.insert),
    "postgresql": _Statements(postgresql.insert),
}


def register(connection: Connection, name: str, leaders: Iterable[str]) -> None:
    """Adds a follower, at the start of each log that it does not follow yet."""
    add_follower = _statements[connection.dialect.name].add_follower
    connection.execute(add_follower, {"name": name, "fence": 0})
    add_positions(connection, name, dict.fromkeys(leaders, 0))


def add_positions(connection: Connection, name: str, positions: Mapping[str, int]) -> None:
    """Adds positions of a follower in other logs; existing positions stay."""
    add_position = _statements[connection.dialect.name].add_position
    for leader, reached in positions.items():
        row = {"follower": name, "leader": leader, "position": reached}
        connection.execute(add_position, row)


def follower_state(connection: Connection, name: str) -> FollowerState:
    """The state of a follower; fence 0 and no positions if it is not registered."""
    fence = connection.execute(_read_fence, {"follower": name}).scalar()
    rows = connection.execute(_read_positions, {"follower": name})
    return FollowerState(fence or 0, dict(rows.tuples().all()))


def advance(
    connection: Connection,
    name: str,
    fence: int,
    positions: Mapping[str, int],
    made_by: str | None = None,
) -> int:
    """Checks and moves the fence, moves the positions, and returns the next fence.

    `made_by` is the fingerprint that the follower's read table must have. Call it first in the
    transaction: every other runner of this follower then waits for the fence, and finds it moved.
    Raises FencedOut if it has moved already, or if the table has another fingerprint.
    """
    move = _move_at_once if connection.dialect.name == "postgresql" else _move_each
    moved = move(connection, _Pass(name, fence, made_by), positions)
    if moved is None:
        raise FencedOut(follower=name)
    if moved < len(positions):
        add_positions(connection, name, positions)  # the existing ones have been moved
    return fence + 1


class _Pass(NamedTuple):
    """What the store must have for a follower to pass its fence."""

    name: str
    fence: int
    made_by: str | None

    def sql(self, connection: Connection, mark: str) -> str:
        """The statement that passes the fence; `mark` stands for a value."""
        table = qualified(connection, followers.name)
        sql = f"UPDATE {table} SET fence = fence + 1 WHERE name = {mark} AND fence = {mark}"
        if self.made_by is None:
            return sql
        tables = qualified(connection, read_tables.name)
        made = f"SELECT 1 FROM {tables} WHERE name = {mark} AND fingerprint = {mark}"
        return f"{sql} AND EXISTS ({made})"

    @property
    def values(self) -> tuple[str | int, ...]:
        """The values of the statement."""
        place = self.name, self.fence
        return place if self.made_by is None else (*place, self.name, self.made_by)


def _move_each(connection: Connection, at: _Pass, to: Mapping[str, int]) -> int | None:
    """Moves the fence and existing positions; returns their number, or None if fenced out.

    It uses the driver directly, because each write starts with it: SQLAlchemy takes five times as
    long.
    """
    driver: Any = connection.connection.dbapi_connection
    if driver.execute(at.sql(connection, "?"), at.values).rowcount != 1:
        return None
    reached = qualified(connection, positions.name)
    move = f"UPDATE {reached} SET position = ? WHERE follower = ? AND leader = ?"
    rows = [(position, at.name, leader) for leader, position in to.items()]
    moved: int = sum(driver.execute(move, row).rowcount for row in rows)
    return moved


def _move_at_once(connection: Connection, at: _Pass, to: Mapping[str, int]) -> int | None:
    """The same in one statement, which takes one round trip to the server."""
    driver: Any = connection.connection.dbapi_connection
    reached = qualified(connection, positions.name)
    rows = ", ".join(["(%s, %s::bigint)"] * len(to)) or "(NULL, NULL::bigint)"
    sql = f"""
        WITH passed AS (
            {at.sql(connection, "%s")} RETURNING name
        ), moved AS (
            UPDATE {reached} AS p SET position = t.position
            FROM passed, (VALUES {rows}) AS t (leader, position)
            WHERE p.follower = passed.name AND p.leader = t.leader RETURNING 1
        ) SELECT (SELECT count(*) FROM passed), (SELECT count(*) FROM moved)"""
    places = chain.from_iterable(to.items())
    passed, moved = driver.execute(sql, (*at.values, *places)).fetchone()
    return int(moved) if passed else None


def raise_fence(connection: Connection, name: str) -> None:
    """Moves the fence, so that the follower's runner reads its state again before it writes.

    Call it first in the transaction, like `advance`, so that the two cannot deadlock.
    """
    connection.execute(_bump_fence, {"follower": name})


def read_position(connection: Connection, name: str, leader: str) -> int:
    """A follower's position in one log; 0 before its first event."""
    place = {"follower": name, "leader": leader}
    return connection.execute(_read_position, place).scalar() or 0


def move_position_forward(connection: Connection, name: str, leader: str, new: int) -> None:
    """Moves one position by upstream's rule: each event once, and never back.

    Raises upstream's IntegrityError if the position is there or further already. The statement
    checks that itself: a separate check would admit two runners.
    """
    raise_fence(connection, name)
    place_forward = _statements[connection.dialect.name].place_forward
    row = {"follower": name, "leader": leader, "position": new}
    if connection.execute(place_forward, row).rowcount == 0:
        raise IntegrityError(f"{name} has already processed event {new} of {leader}")


def all_fences(connection: Connection) -> dict[str, int]:
    """The fence of every follower; while it is unchanged, the follower has written nothing."""
    rows: Any = connection.execute(select(followers.c.name, followers.c.fence))
    return dict(rows.tuples().all())


def all_positions(connection: Connection) -> dict[tuple[str, str], int]:
    """The position of every follower in each log, by follower and leader."""
    rows = connection.execute(select(positions))
    return {(row.follower, row.leader): row.position for row in rows}
