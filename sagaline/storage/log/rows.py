"""The rows written to a log and read from it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sagaline.errors import StoreDamaged, UnfitValue
from sagaline.storage.sql.checked import shown
from sagaline.storage.sql.columns import uuid_of


class EventRow(NamedTuple):
    """One event to append: upstream's stored event and its envelope."""

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    key: str | None = None
    cause: str | None = None
    hop: int | None = None
    answers: str | None = None
    metadata: str | None = None
    bucket: int | None = None


def uuid_from(value: UUID | str) -> UUID:
    """An id, given as a UUID or as its text. Raises UnfitValue."""
    found = uuid_of(value)
    if found is None:
        raise UnfitValue(value=value, kind="the id of an aggregate", reason="give a UUID")
    return found


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
    answers: str | None = None
    metadata: str | None = None
    bucket: int | None = None


def refuse_damaged(row: LogRow, log: str) -> None:
    """Raises StoreDamaged where SQLite holds a value of another type in a row than it may."""
    for column, kind in _KINDS.items():
        value = getattr(row, column)
        if value is not None and type(value) is not kind:
            raise StoreDamaged(place=f"{log}.{column}, id {row.id}", value=shown(value))


_KINDS: Final = {
    "originator_version": int,
    "topic": str,
    "key": str,
    "cause": str,
    "hop": int,
    "answers": str,
    "metadata": str,
    "bucket": int,
}


class Kind(NamedTuple):
    """The events of one topic and class version in a log; `id` is that of the first."""

    topic: str
    id: int

    @classmethod
    def read(cls, log: str, topic: object, id_: int) -> "Kind":
        """The kind in a row of a log. Raises StoreDamaged for a topic that is no text."""
        if not isinstance(topic, str):
            raise StoreDamaged(place=f"{log}.topic, id {id_}", value=shown(topic))
        return cls(topic, id_)


class Part(NamedTuple):
    """A share of all keys: those that end in one of these `signs`; all others if `rest`."""

    signs: frozenset[str]
    rest: bool = False

    def of(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The driver's rows whose keys belong to the part."""
        signs, rest = self
        # A row without a key belongs to the rest.
        return [row for row in rows if ((row[_KEY] or "")[-1:] not in signs) is rest]

    def holds(self, keys: Iterable[Any]) -> bool:
        """Whether all these keys of a table's rows certainly belong to the part."""
        found = set(map(_sign_of, keys))
        if None in found:
            return False
        return self.signs.isdisjoint(found) if self.rest else self.signs.issuperset(found)


class Page(NamedTuple):
    """A section of a log: `rows` holds all wanted events up to the id `head`.

    A follower records `head`, not the id of the last row, so that it also advances past events of
    other topics.
    """

    rows: list[LogRow]
    head: int


def _sign_of(key: object) -> str | None:
    """The last character of a key; None for a type of which unequal values may mean one key."""
    if type(key) is UUID:
        return _HEX[key.int & 15]
    return str(key)[-1:] if type(key) in (str, int) else None


_HEX: Final = "0123456789abcdef"
_KEY: Final = LogRow._fields.index("key")


class Appended(NamedTuple):
    """The result of an append: the new ids, and the head of the log `before` them.

    Ids have gaps; a follower whose position is `before` knows that it has missed no event.
    """

    ids: Sequence[int]
    before: int
