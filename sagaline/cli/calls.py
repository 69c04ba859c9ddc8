"""The port calls without an answer, as operators see them."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from sagaline.cli.inspection import InspectedStores, has_table
from sagaline.storage.tables.port_calls import CallRow, calls_of_key, oldest_calls
from sagaline.storage.tables.schema import port_calls

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A call without an answer: since when, and for which attempt at which command.

    A call of no command waits behind an earlier one of its key. `count` is how many there are of
    the same command, of which this one is the oldest.
    """

    follower: str
    command: str | None
    attempt: int | None
    key: str | None
    since: datetime
    count: int

    @classmethod
    def of(cls, row: CallRow, count: int = 1) -> "Call":
        """The call in a row."""
        since = datetime.fromtimestamp(row.since, UTC)
        return cls(row.follower, row.command, row.attempt, row.key, since, count)

    @property
    def words(self) -> str:
        """What it waits for, for people."""
        if self.command is None:
            return "waits behind it"
        attempt = f", attempt {self.attempt}" if (self.attempt or 1) > 1 else ""
        return f"{self.command}{attempt}"

    def as_json(self) -> dict[str, Any]:
        """The call as plain JSON values."""
        return {**asdict(self), "since": self.since.isoformat()}


def oldest_of_each(stores: InspectedStores) -> list[Call]:
    """The oldest call of each follower and command, with the number of such calls."""
    found = sorted(_read(stores, oldest_calls), key=lambda each: (each[0].since, each[0].number))
    return [Call.of(row, count) for row, count in found]


def calls_of(stores: InspectedStores, key: str) -> list[Call]:
    """The calls of one business transaction, in their order."""
    return [Call.of(row) for row in _read(stores, lambda c: calls_of_key(c, key))]


def _read(stores: InspectedStores, query: Callable[[Connection], list[T]]) -> Iterator[T]:
    """What a query finds in each store; a store of an earlier version has no such table."""
    for datastore in stores.datastores:
        if has_table(datastore, port_calls):
            with datastore.read() as connection:
                yield from query(connection)
