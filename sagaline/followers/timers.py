"""Timers as rows of their table, and as the messages that their followers handle."""

from datetime import datetime

from eventsourcing.utils import construct_topic

from sagaline.messaging.message import Message, Trace
from sagaline.messaging.timers import RetryTimer, SetTimer, command_class
from sagaline.messaging.topics import stored_topics
from sagaline.storage.tables.timers import TimerRow

_FROM = "timer:"


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
    """A timer as the message that its owner handles when it is due."""
    return Message(
        application,
        0,
        row.topic,
        key=row.key,
        cause=f"{_FROM}{row.id}",
        hop=row.hop or 0,
        decode=lambda: command_class(row.topic).model_validate_json(row.state),
    )


def timer_of(message: Message) -> str:
    """The id of the timer that a message came from."""
    return timer_id(message.cause or "")


def timer_id(cause: str) -> str:
    """The id of the timer that a cause names: ``timer:settle:1``."""
    return cause.removeprefix(_FROM)


def retries() -> list[str]:
    """The topics of the timers that need not wait until their follower is at the head."""
    return sorted(frozenset().union(*map(stored_topics, RetryTimer.__subclasses__())))
