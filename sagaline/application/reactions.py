"""How an application says what it makes of other applications' events: choreography."""

from collections.abc import Callable
from typing import Any

from eventsourcing.domain import DomainEvent
from eventsourcing.utils import construct_topic

from sagaline.codec import command_class
from sagaline.errors import DefinitionError, NoCommand
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named, refuse_no_method
from sagaline.messaging.ids import named_id
from sagaline.messaging.lazy import refuse_unrun
from sagaline.messaging.namespace import ApplicationPart
from sagaline.messaging.timers import RetryTimer
from sagaline.messaging.topics import fix_topic
from sagaline.saga.annotations import returned_commands

Making = Callable[[Any, Any], Command | None]
"""A method of an application: from an event to a command, or to nothing."""


class Reaction(ApplicationPart):
    """One method of an application, and the events of other applications that it reacts to.

    The method makes a command to its own application, or None where the event asks nothing of it.
    The application handles that command like any other. So whoever leads, a saga or nobody, the
    same handler does the work.
    """

    def __init__(self, events: tuple[type, ...], function: Making) -> None:
        self.events = events
        self.function = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, application: Any, event: Any) -> Command | None:
        """The command that follows from an event, with an id that follows from it too.

        The same event has the same command however often it is heard: the idempotency key.
        """
        command: Any = self.function(application, event)
        if command is None:
            return None
        if not hasattr(command, "model_copy"):
            where = f"{type(application).__name__}.{self.__name__}"
            refuse_unrun(where, command)
            raise NoCommand(where=where)
        cause = f"{self.__name__}:{event.originator_version}"
        made: Command = command.model_copy(update={"id": named_id(event.originator_id, cause)})
        return made

    def commands(self, where: str) -> tuple[type[Command], ...]:
        """The classes of the commands that it makes, as annotated. Raises `DefinitionError`."""
        return returned_commands(self.function, f"{where}.{self.__name__}")


def reacts_to(*events: type) -> Callable[[Making], Reaction]:
    """Declares which events of other applications a method makes a command of.

    The method may only read the event: it is asked again when a batch runs again. A subclass that
    defines a method of the same name reacts in its place.
    """
    for each in events or (None,):
        if not (isinstance(each, type) and issubclass(each, DomainEvent)):
            raise DefinitionError(
                where="@reacts_to",
                problem=f"{named(each)} is not an event class",
                cure="Write @reacts_to(Order.Placed).",
            )

    def declare(function: Making) -> Reaction:
        refuse_no_method(function, "self", "event")
        return Reaction(events, function)

    return declare


class RepeatCommand(RetryTimer):
    """A command of this application that is tried again, and for which time: a timer holds it."""

    topic: str
    state: str
    attempt: int

    @classmethod
    def of(cls, command: Command, attempt: int) -> "RepeatCommand":
        """The same command, with the same id, to be tried for the `attempt`th time."""
        topic = construct_topic(type(command))
        return cls(topic=topic, state=command.model_dump_json(), attempt=attempt)

    def command(self) -> Command:
        """The command. Raises UnknownTopic where its class is not loaded."""
        return command_class(self.topic).model_validate_json(self.state)


fix_topic(RepeatCommand, "sagaline:Repeat", former="sagaline.reactions:Repeat")


def reactions_of(cls: type) -> dict[type, Reaction]:
    """The reactions of an application class by event, those that it inherits among them.

    Raises `DefinitionError` where two of them react to one event.
    """
    found: dict[type, Reaction] = {}
    names = dict.fromkeys(name for each in reversed(cls.__mro__) for name in vars(each))
    for name in names:
        reaction = getattr(cls, name, None)
        if not isinstance(reaction, Reaction):
            continue
        for event in reaction.events:
            if event in found:
                raise DefinitionError(
                    where=f"{cls.__name__}.{name}",
                    problem=f"a second reaction to {event.__qualname__}",
                    cure="Keep one: an event leads to one command in an application.",
                )
            found[event] = reaction
    return found
