"""Topics of commands: in a saga's log they are those of the events that record the commands."""

from collections.abc import Iterator
from typing import Any

from eventsourcing.domain import BaseAggregate
from eventsourcing.utils import construct_topic

from sagaline.codec.topics import loaded_class
from sagaline.errors import UnknownTopic
from sagaline.messaging.commands import Command

_recorded_as: dict[type, type] = {}
_commands: dict[str, type[Command]] = {}


def record_as(command: type[Command], event_class: type) -> None:
    """Sets the class of the events that record a command, and have the topic of its class."""
    _recorded_as[command] = event_class


def event_class_of(topic: str) -> type:
    """The loaded event class of a topic, or the one that records the command of that topic.

    Raises UnknownTopic, for the topic of an aggregate too.
    """
    found = loaded_class(topic)
    found = _recorded_as.get(found, found)
    if issubclass(found, (BaseAggregate, Command)):
        raise UnknownTopic(topic=topic)
    return found


def command_class(topic: str) -> type[Command]:
    """The loaded command class of a topic, or of a former one that was registered for it.

    Imports nothing, because a row must not load code. Raises UnknownTopic where no loaded class has
    the topic.
    """
    if topic not in _commands:
        _commands.update((construct_topic(each), each) for each in _subclasses(Command))
    if topic not in _commands:
        found: Any = loaded_class(topic)
        if not issubclass(found, Command):
            raise UnknownTopic(topic=topic)
        _commands[topic] = found
    return _commands[topic]


def _subclasses(cls: type[Command]) -> Iterator[type[Command]]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)
