"""The rows that go into a log and come out of it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID


class EventRow(NamedTuple):
    """One event to be recorded: upstream's stored event and its envelope."""

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    key: str | None = None
    cause: str | None = None
    hop: int | None = None


class LogRow(NamedTuple):
    """One recorded event, with its id in the log."""

    id: int
    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    key: str | None
    cause: str | None
    hop: int | None


class Part(NamedTuple):
    """What belongs to the keys that end in one of these `signs`; or to all others, if `rest`."""

    signs: frozenset[str]
    rest: bool = False

    def of(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Of rows as the driver gives them."""
        signs, rest = self
        # No row is of the part for not having a key.
        return [row for row in rows if ((row[_KEY] or "")[-1:] not in signs) is rest]

    def holds(self, keys: Iterable[Any]) -> bool:
        """Whether all these keys of rows in a table are of the part, without a doubt."""
        found = set(map(_sign_of, keys))
        if None in found:
            return False
        return self.signs.isdisjoint(found) if self.rest else self.signs.issuperset(found)


class Page(NamedTuple):
    """A piece of a log: `rows` is all there is to read up to the id `head`.

    A follower records `head`, not the id of the last row, so that it also advances over events that
    its topics leave out.
    """

    rows: list[LogRow]
    head: int


def _sign_of(key: object) -> str | None:
    """How the key of a row ends; None for kinds of which unlike ones may be one key."""
    if type(key) is UUID:
        return _HEX[key.int & 15]
    return str(key)[-1:] if type(key) in (str, int) else None


_HEX: Final = "0123456789abcdef"
_KEY: Final = LogRow._fields.index("key")


class Appended(NamedTuple):
    """What an append did: the ids it gave, and the head of the log `before` them.

    Ids have gaps, so `before` is how a follower knows that nothing lies between its own position
    and these rows.
    """

    ids: Sequence[int]
    before: int
