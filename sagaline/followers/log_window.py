"""The newest part of one log in memory, shared by all followers of it in this process."""

from bisect import bisect_right
from collections.abc import Collection
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from sagaline.codec import WantedTopics, shareable_topics
from sagaline.messaging.message import Message
from sagaline.storage import ApplicationRecorder, Datastore, LogRow
from sagaline.storage.log.event_log import Log

FIRST_PAGE_SIZE = 100
"""Rows of the first read, before the size of a log's events is known."""

READ_PAGE_SIZE = 1_000
"""Most rows per read at the head of a log."""

CATCH_UP_PAGE_SIZE = 5_000
"""Most rows per read for a follower that is not yet within the window."""

WINDOW_EVENTS = 20_000
"""Most events kept in memory, of each log; about 1 KB each."""

WINDOW_BYTES = 128 * 1024 * 1024
"""Most bytes of events kept in memory, of each log, by their size in the store. A read and a batch
have a quarter of it, unless they are given more."""

MIN_DISCARDED = 200
"""Fewest messages that are discarded at once: each time, those after them are moved."""

_id = attrgetter("id")


class Batch(NamedTuple):
    """The messages for a follower, and the position that it reaches with them."""

    messages: list[Message]
    upto: int


class LogWindow:
    """Keeps the newest messages of a log, without gaps for the topics that are followed here.

    A commit of this process appends its messages, if they join the window: ids have gaps of their
    own, so each append names the id before it. What other processes write is read from the store.
    The log is the only source: a follower whose position is before the window reads the store.
    """

    def __init__(
        self,
        application: str,
        recorder: ApplicationRecorder,
        mapper: Any,
        max_events: int = WINDOW_EVENTS,
        max_bytes: int = WINDOW_BYTES,
        batch_bytes: int = 0,
    ) -> None:
        self.application = application
        self._recorder = recorder
        self.mapper = mapper
        """Reads the events of the log."""
        self._messages: list[Message] = []
        self._topics: WantedTopics | None = None
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._batch_bytes = max(batch_bytes, max_bytes // 4)
        self._start = 0
        self.bytes = 0
        """The size of the messages in memory, as they are encoded in the store."""
        self._mean_size = self._batch_bytes / FIRST_PAGE_SIZE
        self.head = 0
        self.complete = False
        """Whether the last read of the store reached the end of the log."""

    @property
    def datastore(self) -> Datastore:
        """The store of the log."""
        return self._recorder.datastore

    @property
    def log(self) -> Log:
        """The log's table."""
        return self._recorder.log

    def start_at(self, position: int) -> None:
        """Starts the window, empty, at the position of the follower that is furthest ahead."""
        self._messages.clear()
        self.bytes = 0
        self._start = self.head = position

    def set_topics(self, topics: WantedTopics | None) -> None:
        """Sets the topics to read of what other processes write; None for all.

        Where an event class is new, the window starts again at its head, as it lacks earlier ones.
        """
        if self._topics is not None and (topics is None or topics.classes - self._topics.classes):
            self.start_at(self.head)
        self._topics = topics

    def append(self, before: int, messages: list[Message]) -> None:
        """Appends what this process has committed after the id `before`.

        Ignored where another process wrote in between: the next `refresh` reads both.
        """
        if messages and before <= self.head < messages[0].id:
            self._add(messages, messages[-1].id)

    def refresh(self, newest: int | None = None) -> bool:
        """Reads what other processes have written; returns whether there was anything.

        `newest` is the id of the newest event, where it is known: it may save the read.
        """
        self.complete = newest is not None and newest <= self.head
        if self.complete:
            return False
        size = self._page_size(READ_PAGE_SIZE)
        page = self._recorder.page(self.head, size, _others(self._topics))
        self.complete = len(page.rows) < size
        if page.head <= self.head:
            return False
        self._add(self._messages_of(page.rows, self._topics), page.head)
        return True

    def read(self, after: int, limit: int, topics: WantedTopics | None) -> Batch:
        """Up to `limit` messages after an id, of these topics, and the position reached."""
        if after < self._start:
            size = self._page_size(min(limit, CATCH_UP_PAGE_SIZE))
            page = self._recorder.page(after, size, _others(topics), upto=self._start)
            return Batch(self._messages_of(page.rows, topics), page.head)
        first = bisect_right(self._messages, after, key=_id)
        found = self._messages[first : first + limit]
        if self.bytes > self._batch_bytes:
            found = _first_bytes(found, self._batch_bytes)
        upto = self.head if first + len(found) >= len(self._messages) else found[-1].id
        if topics is not None:
            found = [each for each in found if topics[each.topic]]
        return Batch(found, max(upto, after))

    def find(self, ids: Collection[int]) -> list[Message]:
        """The messages with these ids, read from the store."""
        with self.datastore.read() as connection:
            rows = self.log.rows_of(connection, ids)
        return [message_of(self.application, row, self.mapper) for row in rows]

    def discard_through(self, position: int) -> None:
        """Discards messages up to a position that all followers here have passed.

        A follower that comes to this process later reads them from the store.
        """
        count = bisect_right(self._messages, position, key=_id)
        if count >= MIN_DISCARDED:
            self._discard(count)

    def _page_size(self, limit: int) -> int:
        """Rows of the next read: as many as the bytes of a batch hold, by the last read."""
        return max(1, min(limit, int(self._batch_bytes / self._mean_size)))

    def _messages_of(self, rows: list[LogRow], topics: WantedTopics | None) -> list[Message]:
        if rows:
            self._mean_size = max(1.0, sum(len(row.state) for row in rows) / len(rows))
        return [
            message_of(self.application, row, self.mapper)
            for row in rows
            if topics is None or topics[row.topic]
        ]

    def _add(self, messages: list[Message], head: int) -> None:
        self._messages.extend(messages)
        self.bytes += sum(each.size for each in messages)
        self.head = head
        if len(self._messages) > self._max_events:
            kept = max(self._max_events // 2, len(messages))  # no follower has read the new ones
            self._discard(len(self._messages) - kept)
        if self.bytes > self._max_bytes:
            self._discard_bytes(self.bytes - self._max_bytes // 2)

    def _discard_bytes(self, excess: int) -> None:
        for count, message in enumerate(self._messages, 1):
            excess -= message.size
            if excess <= 0:
                self._discard(count)
                return

    def _discard(self, count: int) -> None:
        if count > 0:
            self._start = self._messages[count - 1].id
            self.bytes -= sum(each.size for each in self._messages[:count])
            del self._messages[:count]


def _others(topics: WantedTopics | None) -> list[str]:
    """The topics to leave out of a query: those that are known not to be wanted."""
    return [] if topics is None else topics.others


def _first_bytes(messages: list[Message], limit: int) -> list[Message]:
    """The first messages of at most so many bytes together, and at least one."""
    for count, message in enumerate(messages):
        limit -= message.size
        if limit < 0:
            return messages[: max(count, 1)]
    return messages


def message_of(application: str, row: LogRow, mapper: Any) -> Message:
    """The message in a row of an application's log; its event is decoded when it is read."""
    return Message(
        application,
        row.id,
        row.topic,
        key=row.key,
        cause=row.cause,
        hop=row.hop or 0,
        answers=row.answers,
        metadata=row.metadata,
        decode=partial(mapper.to_domain_event, row),
        size=len(row.state),
        shared=shareable_topics[row.topic],
    )
