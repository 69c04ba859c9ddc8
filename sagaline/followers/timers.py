"""Timers as rows of their table, and as the messages that their followers handle."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from eventsourcing.utils import construct_topic

from sagaline.codec import TypedMapper, command_class
from sagaline.messaging.message import Message, Trace
from sagaline.messaging.timers import RetryTimer, SetTimer
from sagaline.messaging.topics import stored_topics
from sagaline.storage.tables.timers import LAST_DUE_AT, TimerRow, due_at_of

_PREFIX = "timer:"


def timer_row(
    timer: SetTimer, now: datetime, trace: Trace, owner: str, mapper: TypedMapper | None = None
) -> TimerRow:
    """A timer of the follower `owner` as it is stored; its command is encrypted as events are."""
    topic = construct_topic(type(timer.command))
    state = timer.command.model_dump_json().encode()
    if mapper is not None:
        state = mapper.protect(state, _place(owner, topic, timer.id))
    return TimerRow(timer.id, _due_at(now, timer.delay(now)), topic, state, *trace)


def timer_state(owner: str, row: TimerRow, mapper: TypedMapper | None) -> bytes:
    """The JSON of a timer's command. Raises `ValueError` where it cannot be decrypted."""
    return (
        row.state if mapper is None else mapper.reveal(row.state, _place(owner, row.topic, row.id))
    )


def _due_at(now: datetime, after: timedelta) -> float:
    """When a timer is due: at once for a negative time, at the end of time for one beyond it."""
    try:
        # In UTC: in another zone a day may have 23 hours.
        return due_at_of(now.astimezone(UTC) + max(after, timedelta(0)))
    except OverflowError:
        return LAST_DUE_AT


def timer_message(application: str, row: TimerRow, mapper: TypedMapper | None = None) -> Message:
    """The message that the follower of a timer handles when it is due."""
    return Message(
        application,
        0,
        row.topic,
        key=row.key,
        cause=f"{_PREFIX}{row.id}",
        hop=row.hop or 0,
        answers=row.answers,
        metadata=row.metadata,
        decode=lambda: command_class(row.topic).model_validate_json(
            timer_state(application, row, mapper)
        ),
        shared=False,
    )


def timer_of(message: Message) -> str:
    """The id of the timer that a message came from."""
    return timer_id(message.cause or "")


def timer_ids(messages: Iterable[Message]) -> list[str]:
    """The ids of the timers among the messages."""
    return [timer_of(each) for each in messages if not each.id]


def timer_id(cause: str) -> str:
    """The id of the timer that a cause names: ``timer:settle:1``."""
    return cause.removeprefix(_PREFIX)


def _place(owner: str, topic: str, id: str) -> str:
    """What a timer's ciphertext is bound to."""
    return f"{topic} {owner}/{id}"


def retry_topics() -> list[str]:
    """The topics of retry timers, which fire before their follower is at the head of its logs."""
    return sorted(frozenset().union(*map(stored_topics, RetryTimer.__subclasses__())))
