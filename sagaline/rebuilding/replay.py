"""The replay of logs into the rows of one read model, a page at a time."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sagaline.application.application import Application
from sagaline.followers.log_window import message_of
from sagaline.messaging.message import Message
from sagaline.read_model.projector import Projector
from sagaline.storage import LogRow, Page, Part
from sagaline.storage.sql.bulk import Change
from sagaline.storage.sql.read_only import ReadOnly

REPLAY_PAGE_SIZE = 5_000
"""Events applied in one transaction."""

DECODE_CHUNK_SIZE = 125
"""Events decoded at once: they stay in the caches of the processor, and out of the collector."""


class ReplayedPage(NamedTuple):
    """The result of a page up to the log id `head`: the number of events, and the changed rows."""

    head: int
    events: int
    changes: list[Change]


class Replay:
    """The logs of one read model, and the projector that applies their events.

    `part` is set while another process replays the events of the other keys.
    """

    def __init__(
        self, projector: Projector, logs: Mapping[str, Application], part: Part | None = None
    ) -> None:
        self.projector = projector
        self.logs = logs
        self.part = part
        self._checked = 0
        """Rows that were read and are known to be of the part."""

    def page(self, leader: str, after: int, upto: int) -> Page:
        """Read the next page of a log; its head is the same for every part."""
        recorder, topics = self.logs[leader].recorder, self.projector.topics
        if topics is None:
            return recorder.page(after, REPLAY_PAGE_SIZE, (), upto, self.part)
        page = recorder.page(after, REPLAY_PAGE_SIZE, topics.others, upto, self.part)
        return page._replace(rows=[row for row in page.rows if topics[row.topic]])

    def other_topics(self, leader: str, after: int) -> list[str]:
        """Return the topics that pages leave out from now on, so that another process does too."""
        topics = self.projector.topics
        if topics is None:
            return []
        recorder = self.logs[leader].recorder
        with recorder.datastore.read() as connection:
            for kind in recorder.log.kinds(connection, after):
                topics[kind.topic]
        return topics.others

    def apply(self, leader: str, rows: Sequence[LogRow]) -> None:
        """Apply events to rows in memory.

        Raises `NotByKey` where a handler read a row that is not of the part: the other process may
        be changing it.
        """
        mapper = self.logs[leader].mapper
        for start in range(0, len(rows), DECODE_CHUNK_SIZE):
            messages = _messages(leader, rows[start : start + DECODE_CHUNK_SIZE], mapper)
            self.projector.prepare(messages)
            with ReadOnly(self.projector.name):
                for message in messages:
                    self.projector.handle(message)
        if self.part is not None:
            self._refuse_others(self.part)

    def detach_changes(self) -> list[Change]:
        """Return the changed rows for another process to write; they stay readable in memory."""
        changes = self.projector.changes()
        self.projector.rows.mark_written()
        return changes

    def after_commit(self) -> None:
        """Mark the changed rows as written."""
        self.projector.after_commit()
        self._checked = 0

    def roll_back(self) -> None:
        """Forget all rows in memory."""
        self.projector.roll_back()
        self._checked = 0

    def _refuse_others(self, part: Part) -> None:
        asked = self.projector.rows.batch_keys
        if not part.holds(islice(asked, self._checked, None)):
            raise NotByKey
        self._checked = len(asked)


def _messages(leader: str, rows: Sequence[LogRow], mapper: Any) -> list[Message]:
    """Decode rows into messages."""
    messages = [message_of(leader, row, mapper) for row in rows]
    for each in messages:
        each.load()
    return messages


class NotByKey(Exception):
    """An event of one key needs the row of another."""
