"""Folding logs into the rows of one read model, a page at a time: the work of a rebuild."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sagaline.application.application import Application
from sagaline.messaging.message import Message
from sagaline.read_model.projector import Projector
from sagaline.storage import LogRow, Page, Part
from sagaline.storage.sql.bulk import Change

PAGE = 5_000
"""Events folded in one transaction."""

CHUNK = 125
"""Events decoded at once: they stay in the processor's caches, and out of the collector's way."""


class ReplayedPage(NamedTuple):
    """What came of a page up to `head`: so many events, and the rows that they have changed."""

    head: int
    events: int
    changes: list[Change]


class Replay:
    """The logs of one read model, and the projector that they are folded by.

    `part` is set while another process folds the rest.
    """

    def __init__(
        self, projector: Projector, logs: Mapping[str, Application], part: Part | None = None
    ) -> None:
        self.projector = projector
        self.logs = logs
        self.part = part
        self._checked = 0
        """Rows that were asked for and are known to be of the part."""

    def page(self, leader: str, after: int, upto: int) -> Page:
        """The next events of a log, of the topics that matter: the same piece for every part."""
        recorder = self.logs[leader].recorder
        return recorder.page(after, PAGE, self.projector.topics, upto, self.part)

    def fold(self, leader: str, rows: Sequence[LogRow]) -> None:
        """Folds events into rows in memory.

        Raises `NotByKey` where a handler has asked for a row that is not of the part: another
        process may be at work on it.
        """
        mapper = self.logs[leader].mapper
        for start in range(0, len(rows), CHUNK):
            messages = _messages(leader, rows[start : start + CHUNK], mapper)
            self.projector.prepare(messages)
            for message in messages:
                self.projector.handle(message)
        if self.part is not None:
            self._refuse_others(self.part)

    def hand_over(self) -> list[Change]:
        """The changed rows, to be written by another process."""
        changes = self.projector.changes()
        self.projector.rows.mark_written()
        return changes

    def after_commit(self) -> None:
        """All that was changed is on disk."""
        self.projector.after_commit()
        self._checked = 0

    def roll_back(self) -> None:
        """No row in memory is to be believed."""
        self.projector.roll_back()
        self._checked = 0

    def _refuse_others(self, part: Part) -> None:
        asked = self.projector.rows.batch_keys
        if not part.holds(islice(asked, self._checked, None)):
            raise NotByKey
        self._checked = len(asked)


def _messages(leader: str, rows: Sequence[LogRow], mapper: Any) -> list[Message]:
    """Rows as messages, decoded at once: a page has only events that are wanted."""
    return [
        Message(leader, row.id, row.topic, row.key, row.cause, row.hop or 0, event=event)
        for row, event in zip(rows, map(mapper.to_domain_event, rows), strict=True)
    ]


class NotByKey(Exception):
    """An event of one key needs the row of another one."""
