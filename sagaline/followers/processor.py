"""What a follower calls: the processor, which handles messages and writes what follows."""

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Connection

from sagaline.codec import WantedTopics
from sagaline.followers.unanswered import Calls
from sagaline.messaging.interruption import raise_interruption
from sagaline.messaging.message import Message
from sagaline.storage.sql.errors import raise_store_failure
from sagaline.storage.sql.read_only import ReadOnly

HANDLED_AT_ONCE = 20
"""Messages that are handled between two looks whether the runner stops."""


class Processor(Protocol):
    """Handles messages for a follower, which owns the reading, the transaction and the positions.

    The follower calls `prepare`, `handle` for each message, `write` inside the transaction, and
    then `after_commit`, or `roll_back` where any of these failed.
    """

    @property
    def name(self) -> str:
        """The follower's name."""

    @property
    def topics(self) -> WantedTopics | None:
        """The event types to read; None for all."""

    @property
    def calls(self) -> Calls | None:
        """The calls of its ports; None where its messages never wait for one."""

    def continues(self, made_by: str | None) -> bool:
        """Whether its code may write what the code of this fingerprint has written so far."""

    def prepare(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Reads what the handlers of a batch will need; returns the messages that must wait.

        Those wait for the answer of a port, which is not there yet.
        """

    def handle(self, message: Message) -> None:
        """Handles one message in memory. An exception of any kind means a bug in a handler."""

    def write(self, connection: Connection) -> None:
        """Writes what has changed, in the follower's transaction."""

    def after_commit(self) -> None:
        """Called once the transaction is committed."""

    def roll_back(self) -> None:
        """Drops the batch, and everything in memory that may be stale."""


class RunnerStopping(Exception):
    """The runner stops within a batch; the runner that leads next handles the rest of it."""


def _go_on() -> None:
    """Stops nothing."""


class HandlerFailed(Exception):
    """A message could not be handled; `message` is None where it is not known which."""

    def __init__(self, message: Message | None) -> None:
        super().__init__(message)
        self.message = message


def run_handlers(
    processor: Processor, messages: Sequence[Message], refuse_stop: Callable[[], None] = _go_on
) -> list[Message]:
    """Decodes and handles messages in memory; returns those that wait for the answer of a port.

    Later messages of their keys wait too. Raises HandlerFailed with the message at fault, and what
    is in `STORE_FAILURES` as it is. `refuse_stop` raises RunnerStopping where the rest has to wait.
    """
    message: Message | None = None
    try:
        for message in messages:
            message.load()
        message = None
        handled, waiting = _ready(processor, messages) if messages else ((), [])
        with ReadOnly(processor.name):
            for number, message in enumerate(handled):
                if not number % HANDLED_AT_ONCE:
                    refuse_stop()
                processor.handle(message)
    except RunnerStopping:
        raise
    except BaseException as bug:
        raise_interruption(bug)
        raise_store_failure(bug)
        raise HandlerFailed(message) from bug
    return waiting


def _ready(
    processor: Processor, messages: Sequence[Message]
) -> tuple[Sequence[Message], list[Message]]:
    """The messages to handle now, and those that wait."""
    unanswered = set(map(id, processor.prepare(messages)))
    if not unanswered:
        return messages, []
    handled: list[Message] = []
    waiting: list[Message] = []
    keys: set[str | None] = set()
    for message in messages:
        if id(message) in unanswered or message.key in keys:
            waiting.append(message)
            keys.add(message.key)
            keys.discard(None)
        else:
            handled.append(message)
    return handled, waiting
