"""What a follower does with messages for an application: handle them in one unit of work."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.followers.log_window import LogWindow
from sagaline.messaging.message import Message, Trace


class ApplicationProcessor:
    """Processes batches for an application, a saga's process application among them."""

    def __init__(self, application: Application, topics: frozenset[str], log: LogWindow) -> None:
        self.name = application.name
        self.topics: frozenset[str] | None = topics
        self._application = application
        self._log = log
        self._unit = application.unit()
        self._answers: dict[int, Any] = {}

    def prepare(self, messages: Sequence[Message]) -> None:
        """Reads the aggregates that will be wanted, and asks the ports."""
        wanted = self._application.prefetch(messages)
        with self._application.datastore.read():
            self._unit.refresh()
            self._unit.prefetch(wanted)
        self._answers = self._application.ask(messages)

    def handle(self, message: Message) -> None:
        """Handles one message in memory."""
        unit = self._unit
        unit.trace = Trace(self._application.key_of(message), message.origin, message.hop + 1)
        with self._application.working(unit):
            unit.record(self._application.handle(message, self._answers))

    def write(self, connection: Connection) -> None:
        """Writes the new events and the timers."""
        self._unit.write(connection)

    def after_commit(self) -> None:
        """Hands the new messages to the followers of this application, in memory."""
        before, messages = self._unit.after_commit()
        self._log.extend(before, messages)
        self._answers.clear()

    def roll_back(self) -> None:
        """Forgets the batch and all aggregates."""
        self._unit.roll_back()
        self._answers.clear()
