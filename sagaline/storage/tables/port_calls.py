"""Port calls without an answer: messages that a follower has passed, and will handle later."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.tables.places import place_of
from sagaline.storage.tables.schema import port_calls


class CallRow(NamedTuple):
    """A message of one follower whose port has not answered, or that waits behind such a one.

    `leader` and `position` name its place in a log, as those of a dead letter do. Rows of one key
    are handled in the order of their `number`. `command` and `attempt` say what the port is asked,
    where that is known; `since` is in seconds since 1970.
    """

    follower: str
    leader: str
    position: int
    number: int
    key: str | None
    topic: str
    command: str | None
    attempt: int | None
    since: float

    @property
    def origin(self) -> str:
        """The message's place: ``orders:12``, or ``timer:`` and the id of a timer."""
        return place_of(self.leader, self.position)


_columns = [port_calls.c[name] for name in CallRow._fields]


def calls_of(connection: Connection, follower: str) -> list[CallRow]:
    """The calls of one follower, in their order."""
    query = select(*_columns).where(port_calls.c.follower == follower)
    rows = connection.execute(query.order_by(port_calls.c.number))
    return [CallRow(*row) for row in rows]


def calls_of_key(connection: Connection, key: str) -> list[CallRow]:
    """The calls of one key, in their order."""
    query = select(*_columns).where(port_calls.c.key == key)
    return [CallRow(*row) for row in connection.execute(query.order_by(port_calls.c.number))]


def oldest_calls(connection: Connection) -> list[tuple[CallRow, int]]:
    """The oldest call of each follower and command, with the number of such calls."""
    c = port_calls.c
    grouped = select(func.min(c.number).label("number"), c.follower, func.count().label("count"))
    oldest = grouped.group_by(c.follower, c.command).subquery()
    same = (c.follower == oldest.c.follower) & (c.number == oldest.c.number)
    rows = connection.execute(select(*_columns, oldest.c.count).join(oldest, same))
    return [(CallRow(*row), count) for *row, count in rows]


def count_calls(connection: Connection) -> int:
    """The number of calls of all followers."""
    return connection.execute(select(func.count()).select_from(port_calls)).scalar() or 0


def add_calls(connection: Connection, rows: Sequence[CallRow]) -> None:
    """Notes calls, in the transaction that moves the follower past their messages."""
    if rows:
        bulk = bulk_of(port_calls, connection)
        bulk.write(connection, bulk.upserted([list(each) for each in zip(*rows, strict=True)]))


def delete_calls(connection: Connection, rows: Sequence[CallRow]) -> None:
    """Deletes calls, in the transaction that handles their messages."""
    if rows:
        keys = [(each.follower, each.leader, each.position) for each in rows]
        bulk = bulk_of(port_calls, connection)
        bulk.write(connection, bulk.deleted([list(each) for each in zip(*keys, strict=True)]))
