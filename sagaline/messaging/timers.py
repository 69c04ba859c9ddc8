"""Timers: commands that a follower gives to itself later.

They are written, and deleted, in the transaction of the transition that sets them, so a crash
neither loses one nor fires one twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from eventsourcing.utils import construct_topic

from sagaline.errors import UnknownTopic
from sagaline.messaging.commands import Command
from sagaline.messaging.topics import current_topic


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


class RetryTimer(Command):
    """A pause is over: what has failed is to be tried again, with the key that it had.

    It fires when it is due, also while its follower is behind: nothing that is still to be heard
    could make it wrong. Else what is tried again would come too late wherever there is much to do.
    """


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
