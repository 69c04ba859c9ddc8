"""The end of one log in memory, shared by all followers of it in this process."""

from bisect import bisect_right
from collections.abc import Collection
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from sagaline.messaging.message import Message
from sagaline.storage import ApplicationRecorder, Datastore, LogRow
from sagaline.storage.log.event_log import Log

PAGE = 1_000
"""Rows read at once."""

FAR = 5_000
"""Rows read at once for a follower that is behind the window: what it has not in memory yet."""

WINDOW = 20_000
"""Messages kept at most; about 1 KB each."""

MANY = 200
"""Messages that are worth to be dropped: those behind them are moved."""

_id = attrgetter("id")


class Batch(NamedTuple):
    """Messages that a follower wants, and the position that it has reached with them."""

    messages: list[Message]
    upto: int


class LogWindow:
    """A window over the newest part of a log, without gaps but for what nobody here wants.

    What this process writes is added after its commit, if it joins: ids have gaps of their own, so
    each addition says which id was the last before it. What others write is read from the store.
    The log is the only source; a follower that is not within the window reads the store itself.
    """

    def __init__(self, application: str, recorder: ApplicationRecorder, mapper: Any) -> None:
        self.application = application
        self._recorder = recorder
        self._mapper = mapper
        self._messages: list[Message] = []
        self._topics: frozenset[str] | None = None
        self._start = 0
        self.head = 0
        self.complete = False
        """Whether the last look at the store reached the end of the log."""

    @property
    def datastore(self) -> Datastore:
        """Where the log is."""
        return self._recorder.datastore

    @property
    def log(self) -> Log:
        """The log's table."""
        return self._recorder.log

    def start_at(self, position: int) -> None:
        """Begins the window at a position, that of the follower that is furthest ahead."""
        self._messages.clear()
        self._start = self.head = position

    def want(self, topics: frozenset[str] | None) -> None:
        """Says which topics anybody here wants, None for all: what others write is read of these.

        Where more are wanted than before, the window begins anew: it does not have them.
        """
        if self._topics is not None and (topics is None or topics - self._topics):
            self.start_at(self.head)
        self._topics = topics

    def extend(self, before: int, messages: list[Message]) -> None:
        """Adds what this process has just written; ignored where others wrote in between."""
        if messages and before <= self.head < messages[0].id:
            self._add(messages, messages[-1].id)

    def refresh(self, newest: int | None = None) -> bool:
        """Reads what others have written; says whether there was something.

        `newest` is the id of the newest event, where it is known: then there may be nothing to do.
        """
        self.complete = newest is not None and newest <= self.head
        if self.complete:
            return False
        page = self._recorder.page(self.head, PAGE, self._topics)
        self.complete = len(page.rows) < PAGE
        if page.head <= self.head:
            return False
        self._add(self._messages_of(page.rows), page.head)
        return True

    def read(self, after: int, limit: int, topics: Collection[str] | None) -> Batch:
        """Up to `limit` messages behind `after`, of these topics, and how far that reaches."""
        if after < self._start:
            page = self._recorder.page(after, min(limit, FAR), topics, upto=self._start)
            return Batch(self._messages_of(page.rows), page.head)
        first = bisect_right(self._messages, after, key=_id)
        taken = self._messages[first : first + limit]
        upto = self.head if first + limit >= len(self._messages) else taken[-1].id
        if topics is not None:
            taken = [each for each in taken if each.topic in topics]
        return Batch(taken, max(upto, after))

    def let_go(self, position: int) -> None:
        """Drops what is not behind `position`, many messages at a time: nobody here reads it again.

        Who comes later reads the store.
        """
        count = bisect_right(self._messages, position, key=_id)
        if count >= MANY:
            self._drop(count)

    def _messages_of(self, rows: list[LogRow]) -> list[Message]:
        return [message_of(self.application, row, self._mapper) for row in rows]

    def _add(self, messages: list[Message], head: int) -> None:
        self._messages.extend(messages)
        self.head = head
        if len(self._messages) > WINDOW:
            kept = max(WINDOW // 2, len(messages))  # what is new has been read by nobody
            self._drop(len(self._messages) - kept)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._start = self._messages[count - 1].id
            del self._messages[:count]


def message_of(application: str, row: LogRow, mapper: Any) -> Message:
    """A row of an application's log as a message, whose event is decoded when it is asked for."""
    return Message(
        application,
        row.id,
        row.topic,
        key=row.key,
        cause=row.cause,
        hop=row.hop or 0,
        decode=partial(mapper.to_domain_event, row),
    )
