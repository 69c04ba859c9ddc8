"""Dead letters: events that a follower could not handle, and later events of the same keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
)

from sagaline.storage.tables.places import place_of
from sagaline.storage.tables.schema import dead_letters

# A rebuild keeps the dead letters of the table that it replaces, for a rollback.
_current = dead_letters.c.follower.not_like("%@old")


class Letter(NamedTuple):
    """One event parked for one follower. `leader` and `position` name its place in a log."""

    follower: str
    leader: str
    position: int
    key: str | None
    topic: str
    error: str
    traceback: str
    attempts: int
    parked_at: datetime

    @property
    def place(self) -> str:
        """The event's place in a log, such as ``orders:12``; the leader alone for a timer."""
        return place_of(self.leader, self.position)

    @property
    def id(self) -> str:
        """The id for operators, such as ``order_list/orders:12``."""
        return f"{self.follower}/{self.place}"


class LetterPlace(NamedTuple):
    """Where a dead letter is, without its texts."""

    follower: str
    leader: str
    position: int
    key: str | None

    @property
    def id(self) -> str:
        """The id for operators."""
        return f"{self.follower}/{place_of(self.leader, self.position)}"


_columns = [dead_letters.c[name] for name in Letter._fields]

_delete = delete(dead_letters).where(
    dead_letters.c.follower == bindparam("by"),
    dead_letters.c.leader == bindparam("of"),
    dead_letters.c.position == bindparam("at"),
)


def add_letters(connection: Connection, letters: Sequence[Letter]) -> None:
    """Parks events, in the transaction that moves the follower past them.

    It replaces an existing letter of the same place: a timer may be set again and fail again.
    """
    if letters:
        connection.execute(
            _delete, [{"by": x.follower, "of": x.leader, "at": x.position} for x in letters]
        )
        connection.execute(insert(dead_letters), [each._asdict() for each in letters])


def parked_keys(connection: Connection, follower: str) -> set[str]:
    """The keys whose events a follower parks until an operator acts."""
    query = (
        select(dead_letters.c.key)
        .where(dead_letters.c.follower == follower, dead_letters.c.key.is_not(None))
        .distinct()
    )
    return {key for (key,) in connection.execute(query)}


def leaders_of_key(connection: Connection, follower: str, key: str) -> list[str]:
    """The logs, and the timers, that the letters of a key come from."""
    c = dead_letters.c
    query = select(c.leader).where(c.follower == follower, c.key == key).distinct()
    return sorted(connection.execute(query).scalars())


def letters_of_key(
    connection: Connection, follower: str, key: str | None, leader: str, after: int, limit: int
) -> list[Letter]:
    """The next letters of a key and a leader, in the order of its log."""
    c = dead_letters.c
    found = and_(c.follower == follower, c.leader == leader, c.position > after, c.key == key)
    query = select(*_columns).where(found).order_by(c.position).limit(limit)
    return [Letter(*row) for row in connection.execute(query)]


def count_queued(connection: Connection, follower: str, key: str) -> int:
    """How many letters of a key a follower has."""
    c = dead_letters.c
    query = select(func.count()).where(c.follower == follower, c.key == key)
    return connection.execute(query).scalar_one()


def delete_letter(connection: Connection, letter: Letter) -> bool:
    """Deletes a letter. Returns False if it did not exist."""
    row = {"by": letter.follower, "of": letter.leader, "at": letter.position}
    return connection.execute(_delete, row).rowcount == 1


def all_letters(connection: Connection) -> list[Letter]:
    """All dead letters, oldest first."""
    return _letters(connection, _current)


def letter_places(connection: Connection, key: str | None = None) -> list[LetterPlace]:
    """Where the dead letters are, or those of a key; the oldest first."""
    c = dead_letters.c
    query = select(c.follower, c.leader, c.position, c.key).where(_current)
    if key is not None:
        query = query.where(c.key == key)
    rows = connection.execute(query.order_by(c.parked_at, c.follower, c.leader, c.position))
    return [LetterPlace(*row) for row in rows]


def letters_after(connection: Connection, last: Letter | None, limit: int) -> list[Letter]:
    """The next dead letters in the order of their places; the first ones without a `last`."""
    c = dead_letters.c
    query = select(*_columns).where(_current)
    if last is not None:
        place = (literal(each) for each in (last.follower, last.leader, last.position))
        query = query.where(tuple_(c.follower, c.leader, c.position) > tuple_(*place))
    rows = connection.execute(query.order_by(c.follower, c.leader, c.position).limit(limit))
    return [Letter(*row) for row in rows]


def count_letters(connection: Connection) -> dict[str, int]:
    """The number of parked events of each follower."""
    count = select(dead_letters.c.follower, func.count()).where(_current)
    query = count.group_by(dead_letters.c.follower)
    rows: Any = connection.execute(query)
    return dict(rows.tuples().all())


def _letters(connection: Connection, condition: ColumnElement[bool]) -> list[Letter]:
    c = dead_letters.c
    query = select(*_columns).where(condition)
    rows = connection.execute(query.order_by(c.parked_at, c.follower, c.leader, c.position))
    return [Letter(*row) for row in rows]
