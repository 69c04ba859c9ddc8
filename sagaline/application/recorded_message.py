"""The message of an event that this process has recorded."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sagaline.codec import shareable_topics
from sagaline.messaging.message import Message
from sagaline.storage import EventRow


def recorded_message(
    application: str, id_: int, row: EventRow, event: Any, decode: Callable[[EventRow], Any]
) -> Message:
    """The message with the event itself where its class is immutable; else it is decoded.

    An aggregate may keep a list of its event, and add to it after the event is recorded.
    """
    shared = shareable_topics[row.topic]
    return Message(
        application,
        id_,
        row.topic,
        key=row.key,
        cause=row.cause,
        hop=row.hop or 0,
        event=event if shared else None,
        decode=None if shared else partial(decode, row),
        size=len(row.state),
        shared=shared,
        answers=row.answers,
        metadata=row.metadata,
    )
