"""The event classes that record commands in a saga's stream, one for each class of command."""

from functools import cache
from typing import Any

from eventsourcing.utils import construct_topic, get_topic

from sagaline.codec import record_as
from sagaline.messaging.commands import Command
from sagaline.saga.instance import Journal
from sagaline.saga.state import Role


@cache
def request_class(command: type[Command]) -> type[Journal.Requested]:
    """The event class that records that a command of this class was issued.

    It has the command's topic, so a log shows ``ReserveStock`` where that command was issued, and
    a participant can select from the log the commands that it handles.
    """
    event_class = type(
        f"Requested{command.__name__}",
        (Journal.Requested,),
        {
            "__annotations__": {"command": command},
            "__module__": command.__module__,
            "__qualname__": f"Requested{command.__qualname__}",
            "TOPIC": construct_topic(command),
        },
    )
    get_topic(event_class)  # registers the topic for this class
    record_as(command, event_class)  # found by the former topics of the command too
    return event_class


def commanded(command: Command) -> Journal.Requested:
    """The event that stands for a command which a caller gives, and no saga."""
    requested: type[Any] = request_class(type(command))
    event: Journal.Requested = requested(
        originator_id=command.id,
        originator_version=1,
        timestamp=Journal.Event.create_timestamp(),
        step="",
        role=Role.DO,
        attempt=1,
        command=command,
        answer=None,
    )
    return event
