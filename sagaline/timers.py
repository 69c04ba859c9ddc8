"""Timers: commands that a follower gives to itself later.

They are written, and deleted, in the transaction of the transition that sets them, so a crash
neither loses one nor fires one twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventsourcing.utils import construct_topic

from sagaline.commands import Command
from sagaline.errors import UnknownTopic
from sagaline.message import Message, Trace
from sagaline.storage.timers import TimerRow
from sagaline.topics import current_topic, fix_topic, stored_topics

_FROM = "timer:"


@dataclass(frozen=True)
class SetTimer:
    """Give `command` to me after `after`; setting the same `id` again replaces it."""

    id: str
    after: timedelta
    command: Command


@dataclass(frozen=True)
class CancelTimer:
    """Do not; a timer that is not there is no error."""

    id: str


TimerChange = SetTimer | CancelTimer


class StepTimedOut(Command, key="saga_key"):
    """The time of a step has run out."""

    saga_key: str
    step: str


class Again(Command):
    """A pause is over: what has failed is to be tried again, with the key that it had.

    It fires when it is due, also while its follower is behind: nothing that is still to be heard
    could make it wrong. Else what is tried again would come too late wherever there is much to do.
    """


class StepDue(Again, key="saga_key"):
    """The pause before a step's, or an undo's, next attempt is over."""

    saga_key: str
    step: str


class LocksFreed(Command, key="saga_key"):
    """A saga may be the first in the queues for its locks."""

    saga_key: str


for _class in (StepTimedOut, StepDue, LocksFreed):
    _name = _class.__name__
    fix_topic(_class, f"sagaline:{_name}", former=f"sagaline.timers:{_name}")


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


def command_class(topic: str) -> type[Command]:
    """The loaded command class of a topic; nothing is imported for it.

    Raises UnknownTopic where there is none.
    """
    topic = current_topic(topic)
    if topic not in _classes:
        _classes.update((construct_topic(each), each) for each in _subclasses(Command))
    if topic not in _classes:
        raise UnknownTopic(topic=topic)
    return _classes[topic]


_classes: dict[str, type[Command]] = {}


def _subclasses(cls: type[Command]) -> Iterator[type[Command]]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)


def retries() -> list[str]:
    """The topics of the timers that need not wait until their follower is at the head."""
    return sorted(frozenset().union(*map(stored_topics, Again.__subclasses__())))
