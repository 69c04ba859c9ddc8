"""Timers as rows of their table, and as the messages that their followers handle."""

from collections.abc import Iterable
from datetime import datetime

from eventsourcing.utils import construct_topic

from sagaline.codec import command_class
from sagaline.messaging.message import Message, Trace
from sagaline.messaging.timers import RetryTimer, SetTimer
from sagaline.messaging.topics import stored_topics
from sagaline.storage.tables.timers import TimerRow

_PREFIX = "timer:"


def timer_row(timer: SetTimer, now: datetime, trace: Trace) -> TimerRow:
    """A timer as it is stored."""
    command = timer.command
    return TimerRow(
        timer.id,
        (now + timer.after).timestamp(),
        construct_topic(type(command)),
        command.model_dump_json().encode(),
        *trace,
    )


def timer_message(application: str, row: TimerRow) -> Message:
    """The message that the follower of a timer handles when it is due."""
    return Message(
        application,
        0,
        row.topic,
        key=row.key,
        cause=f"{_PREFIX}{row.id}",
        hop=row.hop or 0,
        decode=lambda: command_class(row.topic).model_validate_json(row.state),
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


def retry_topics() -> list[str]:
    """The topics of retry timers, which fire before their follower is at the head of its logs."""
    return sorted(frozenset().union(*map(stored_topics, RetryTimer.__subclasses__())))
