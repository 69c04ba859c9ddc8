"""One message as an input of a saga instance."""

from typing import Any, NamedTuple

from sagaline.messaging.message import Message
from sagaline.saga.children import Call
from sagaline.saga.instance import Journal


class SagaInput(NamedTuple):
    """A message, decoded once: a batch reads its key several times."""

    key: str | None
    """The key of the instance; None where it is for none."""
    heard: Any
    """What the instance hears: an event, or the command in one."""
    event: Any
    """The event that holds it."""
    message: Message

    def call(self, take_back: str = "") -> Call | None:
        """The request of another saga; None where it is none."""
        if not isinstance(self.event, Journal.Requested):
            return None
        sender = self.message.application, self.message.key or ""
        return Call(*sender, self.event.command.id, take_back)
