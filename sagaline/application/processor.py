"""What a follower does with messages for an application: handle them in one unit of work."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.application.message_handling import handling_of
from sagaline.codec import WantedTopics
from sagaline.followers.log_window import LogWindow
from sagaline.followers.unanswered import Calls
from sagaline.messaging.message import Message, Trace
from sagaline.storage.sql.read_only import ReadOnly


class ApplicationProcessor:
    """Handles batches for an application, or for the process application of a saga."""

    def __init__(self, application: Application, topics: WantedTopics, window: LogWindow) -> None:
        self.name = application.name
        self.topics: WantedTopics | None = topics
        self._datastore = application.datastore
        self._handling = handling_of(application)
        self.calls: Calls | None = self._handling.calls
        self._window = window
        self._unit = self._handling.new_unit()
        self._answers: Mapping[int, Any] = {}

    def continues(self, made_by: str | None) -> bool:
        """Whether its code may go on: an application has no read table."""
        return True

    def prepare(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Reads the aggregates that the handlers need, and calls the ports.

        Returns the messages whose ports have not answered yet.
        """
        with ReadOnly(self.name):
            ids = self._handling.aggregates_for(messages)
        with self._datastore.read():
            self._unit.refresh()
            self._unit.prefetch(ids)
            self._unit.prefetch(self._handling.further_aggregates(self._unit, ids))
        self._answers, waiting = self._handling.call_ports(messages)
        return waiting

    def handle(self, message: Message) -> None:
        """Handles one message in memory."""
        unit = self._unit
        handling = self._handling
        unit.trace = Trace(
            handling.key_of(message), message.origin, message.hop + 1,
            handling.answered_by(message), message.metadata,
        )  # fmt: skip
        with self._handling.working(unit):
            unit.record(self._handling.handle(message, self._answers))

    def write(self, connection: Connection) -> None:
        """Writes the new events and the timers."""
        self._unit.write(connection)

    def after_commit(self) -> None:
        """Hands the new messages to the followers of this application, in memory."""
        before, messages = self._unit.after_commit()
        self._window.append(before, messages)
        self._answers = {}
        self._handling.report(messages)

    def roll_back(self) -> None:
        """Drops the batch and all aggregates."""
        self._unit.roll_back()
        self._answers = {}
