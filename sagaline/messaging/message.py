"""Messages: events of notification logs with their envelopes, as followers read them."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from zlib import crc32


def position(application: str, notification_id: int) -> str:
    """A position in a log as text, as causes and people write it: ``orders:12``."""
    return f"{application.lower()}:{notification_id}"


BUCKETS: Final = 1 << 15
"""How many buckets keys are distributed over: the most parts that a follower could have."""


class Trace(NamedTuple):
    """The envelope of an event that is to be recorded.

    `answers` is the id of the command of a saga that led to it, also by way of timers and of ports
    that answer later. `metadata` is what the first caller gave, as JSON.
    """

    key: str | None
    cause: str | None
    hop: int
    answers: str | None = None
    metadata: str | None = None

    @property
    def bucket(self) -> int | None:
        """The bucket of the key, which is the same in every process; None without a key."""
        return None if self.key is None else crc32(self.key.encode()) % BUCKETS


class Message:
    """An event of a log, or a command that a timer carries, as a follower handles it.

    The envelope (`key`, `cause`, `hop`) connects the events of one business transaction over all
    logs. The event is decoded when it is read, so a follower that filters it out does not decode
    it. The followers of one process share the decoded event where it cannot change; else each read
    decodes an object of its own, so that every reader sees what is in the log.
    """

    __slots__ = (
        "_decode",
        "_event",
        "_shared",
        "answers",
        "application",
        "cause",
        "hop",
        "id",
        "key",
        "metadata",
        "size",
        "topic",
    )

    def __init__(
        self,
        application: str,
        id: int,
        topic: str,
        key: str | None = None,
        cause: str | None = None,
        hop: int = 0,
        event: Any = None,
        decode: Callable[[], Any] | None = None,
        size: int = 0,
        shared: bool = True,
        answers: str | None = None,
        metadata: str | None = None,
    ) -> None:
        self.application = application
        self.id = id
        self.topic = topic
        self.key = key
        self.cause = cause
        self.hop = hop
        self.answers = answers
        """The id of the command of a saga that led to it; None where none is known."""
        self.metadata = metadata
        """What the first caller gave, as JSON."""
        self._event = event
        self._decode = decode
        self._shared = shared
        self.size = size
        """The size of the encoded event in bytes; 0 where it is not known."""

    @property
    def event(self) -> Any:
        """The domain event."""
        event = self._event
        if event is None:
            if self._decode is None:
                return None
            event = self._decode()
            if self._shared:
                self._event, self._decode = event, None
        elif not self._shared:
            self._event = None
        return event

    def load(self) -> None:
        """Decodes the event for the next read."""
        if self._event is None and self._decode is not None:
            self._event = self._decode()

    @property
    def position(self) -> str:
        """The position of the event in its log: ``orders:12``."""
        return position(self.application, self.id)

    @property
    def origin(self) -> str | None:
        """The cause of all events that result from it: its position, or the cause of a timer."""
        return self.position if self.id else self.cause

    def __repr__(self) -> str:
        return f"Message({self.position}, {self.topic}, key={self.key}, hop={self.hop})"
