"""A long log without the hours that it takes to write one: real events, copied in bulk.

Some orders go through the shop to their ends. Then what was written about them is copied, again and
again, each time as other orders: with other ids, in all logs, with the streams of the stock going
on, and with causes that are the copied events. The participants and the sagas have passed what is
copied; the read tables have yet to be folded.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import make_url

from application.commands import ReceiveStock
from application.inventory import Inventory
from application.orders import Orders
from application.system import system
from benchmarks.made_orders import articles, made_orders
from benchmarks.workload import commands_of
from sagaline import Runner

_ID = re.compile(rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

_KIND_BITS = 0xF000_C000_0000_0000_0000
"""Where an id says of which kind it is: that stays."""

Row = dict[str, Any]

ORIGINALS = 150
"""Orders that are copied: few, so that the number of events can be met well enough."""


def make_long_log(store: str, events: int) -> None:
    """Makes a new SQLite store with so many events in its logs, or a few more."""
    stock = [ReceiveStock(sku=sku, quantity=count) for sku, count in articles().items()]
    with Runner(system, {"SQLALCHEMY_URL": store}) as runner:
        runner.get(Inventory).execute(stock)
        runner.settle()
        runner.get(Orders).execute(commands_of(made_orders(ORIGINALS)))
        runner.settle()
    grow(store, events)


def unfold(store: str) -> None:
    """Empties all read tables of a SQLite store, so that they are folded from the start again."""
    with closing(sqlite3.connect(make_url(store).database or "")) as connection:
        for each in system.read_models:
            connection.execute(f"DELETE FROM {each.table.name}")
            connection.execute(
                "UPDATE positions SET position = 0 WHERE follower = ?", (each.table.name,)
            )
            connection.execute(
                "UPDATE followers SET fence = fence + 1 WHERE name = ?", (each.table.name,)
            )
        connection.commit()


def grow(store: str, events: int) -> int:
    """Copies the orders of a settled SQLite store until its logs hold so many events, or some more.

    Returns how many they hold then. The stock must have been received before the orders came.
    """
    with closing(sqlite3.connect(make_url(store).database or "")) as connection:
        connection.row_factory = sqlite3.Row
        # What is lost when the machine stops is made again.
        connection.execute("PRAGMA synchronous = OFF")
        logs = {each.name.lower(): _Log(connection, each.name) for each in system.members}
        have, more = sum(log.last for log in logs.values()), sum(len(log) for log in logs.values())
        copies = max(0, -(-(events - have) // more))
        given = _given(connection)
        # Not the seed of the orders: ids and masks of one sequence would make the same ids twice.
        random = Random("copies")
        for number in range(1, copies + 1):
            copy = _Copy(number, random.getrandbits(80) & ~_KIND_BITS, logs)
            for log in logs.values():
                _insert(connection, log.table, (copy.event(log, row) for row in log.rows))
            _insert(connection, "commands", (copy.command(row) for row in given))
        for log in logs.values():
            _pass_over(connection, log.name, copies * len(log))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return have + copies * more


class _Log:
    """What one log says about orders, taken apart at the ids that are in it."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.name = name
        self.table = f"{name.lower()}_events"
        query = f"SELECT * FROM {self.table} WHERE key IS NOT NULL ORDER BY id"
        self.rows = [dict(row) for row in connection.execute(query)]
        self.last: int = self.rows[-1]["id"]
        assert self.last - self.rows[0]["id"] == len(self) - 1, "nothing else is among the orders"
        for row in self.rows:
            row["state"] = _ID.split(row["state"])
        shelves = (row["originator_id"] for row in self.rows if _is_of_stock(row))
        self.moves = Counter(shelves)
        """How much longer one copy makes each stream of the stock."""

    def __len__(self) -> int:
        return len(self.rows)


class _Copy:
    """All orders once more, later; `mask` are the bits in which their ids are others by chance."""

    def __init__(self, number: int, mask: int, logs: Mapping[str, _Log]) -> None:
        self._number = number
        self._mask = mask
        self._logs = logs
        self._texts: dict[bytes, bytes] = {}

    def event(self, log: _Log, row: Row) -> Row:
        """An event, as it is in this copy."""
        stream, version = row["originator_id"], row["originator_version"]
        if stream in log.moves:
            version += self._number * log.moves[stream]
        else:
            stream = self._id(stream)
        return {
            **row,
            "id": row["id"] + self._number * len(log),
            "originator_id": stream,
            "originator_version": version,
            "state": b"".join(
                self._text(part) if place % 2 else part for place, part in enumerate(row["state"])
            ),
            "key": self._text(row["key"].encode()).decode(),
            "cause": self._cause(row["cause"]),
        }

    def command(self, row: Row) -> Row:
        """A command that somebody gave, as it is in this copy."""
        position = row["position"] + self._number * len(self._logs[row["application"].lower()])
        return {**row, "id": self._text(row["id"].encode()).decode(), "position": position}

    def _cause(self, cause: str) -> str:
        source, _, place = cause.partition(":")
        if source in self._logs:
            return f"{source}:{int(place) + self._number * len(self._logs[source])}"
        return f"{source}:{self._text(place.encode()).decode()}"

    def _text(self, original: bytes) -> bytes:
        known = self._texts.get(original)
        if known is None:
            new = UUID(bytes=self._id(UUID(original.decode()).bytes))
            known = self._texts[original] = str(new).encode()
        return known

    def _id(self, original: bytes) -> bytes:
        later = int.from_bytes(original, "big") + (self._number * ORIGINALS << 80)
        return (later ^ self._mask).to_bytes(16, "big")


def _is_of_stock(row: Row) -> bool:
    return str(row["topic"]).startswith("domain.stock:")


def _given(connection: sqlite3.Connection) -> list[Row]:
    """The commands by which the orders were placed."""
    query = "SELECT * FROM commands WHERE application = 'Orders'"
    return [dict(row) for row in connection.execute(query)]


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[Row]) -> None:
    first = next(rows)
    columns, marks = ", ".join(first), ", ".join("?" * len(first))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
    connection.execute(statement, tuple(first.values()))
    connection.executemany(statement, (tuple(row.values()) for row in rows))


def _pass_over(connection: sqlite3.Connection, leader: str, events: int) -> None:
    """Moves those who would otherwise do everything again behind the new end of a log."""
    members = [each.name for each in system.members]
    marks = ", ".join("?" * len(members))
    connection.execute(
        f"UPDATE positions SET position = position + ? WHERE leader = ? AND follower IN ({marks})",
        (events, leader, *members),
    )
