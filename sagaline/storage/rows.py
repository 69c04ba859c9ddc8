"""The rows that go into a log and come out of it."""

from collections.abc import Sequence
from typing import NamedTuple
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


class Page(NamedTuple):
    """A piece of a log: `rows` is all there is to read up to the id `head`.

    A follower records `head`, not the id of the last row, so that it also advances over events that
    its topics leave out.
    """

    rows: list[LogRow]
    head: int


class Appended(NamedTuple):
    """What an append did: the ids it gave, and the head of the log `before` them.

    Ids have gaps, so `before` is how a follower knows that nothing lies between its own position
    and these rows.
    """

    ids: Sequence[int]
    before: int
