"""One event of one notification log, with what its envelope says."""

from collections.abc import Callable
from typing import Any, NamedTuple


def position(application: str, notification_id: int) -> str:
    """Writes a place in a log as people and causes name it: ``orders:12``."""
    return f"{application.lower()}:{notification_id}"


class Trace(NamedTuple):
    """What ties an event to its business transaction, on its way into a log."""

    key: str | None
    cause: str | None
    hop: int


class Message:
    """An event on its way to the followers of the log it was recorded in.

    The envelope (`key`, `cause`, `hop`) ties the events of one business transaction together
    over all logs. The event itself is decoded when first asked for, so a follower that filters it
    out does not pay for it, and followers in one process share what one of them decoded.
    """

    __slots__ = ("_decode", "_event", "application", "cause", "hop", "id", "key", "size", "topic")

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
    ) -> None:
        self.application = application
        self.id = id
        self.topic = topic
        self.key = key
        self.cause = cause
        self.hop = hop
        self._event = event
        self._decode = decode
        self.size = size
        """The size of the encoded event in bytes; 0 where it is not known."""

    @property
    def event(self) -> Any:
        """The domain event."""
        if self._event is None and self._decode is not None:
            self._event = self._decode()
            self._decode = None
        return self._event

    @property
    def position(self) -> str:
        """Where the event stands: ``orders:12``."""
        return position(self.application, self.id)

    @property
    def origin(self) -> str | None:
        """What causes that which follows from it: its position; for a timer, the timer."""
        return self.position if self.id else self.cause

    def __repr__(self) -> str:
        return f"Message({self.position}, {self.topic}, key={self.key}, hop={self.hop})"
