"""The parts of a saga that make a command, by a method or from the saga's key alone."""

from collections.abc import Callable
from typing import Any

from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import refuse_no_command, refuse_no_method
from sagaline.messaging.namespace import SagaPart

CommandMethod = Callable[..., Command | None]
"""A method of a saga that makes the command for a step, an undo or the end.

It is called with the saga, and with an item where the step has items.
"""


class CommandByKey:
    """Makes a command from the saga's key alone; it is named by the attribute that holds it."""

    def __init__(self, command: type[Command], decorator: str) -> None:
        refuse_no_command(command, decorator, f"Write {decorator}(PayOrder, done=Order.Paid).")
        self.command = command
        self.__name__ = command.__name__

    def __call__(self, saga: Any) -> Command:
        """Makes the command, as a method of the saga would."""
        return self.command(**{str(self.command.key_field): saga.key})


class CommandPart(SagaPart):
    """A part of a saga that issues a command; it has the name of the method that makes it."""

    make_command: CommandMethod

    def __set_name__(self, owner: type, name: str) -> None:
        if isinstance(self.make_command, CommandByKey):
            self.make_command.__name__ = name

    @property
    def name(self) -> str:
        """The name in the class of the saga."""
        return self.make_command.__name__


def refuse_no_maker(make_command: CommandMethod, *, for_item: bool = False) -> None:
    """Refuses what cannot make the command of a part. Raises DefinitionError."""
    if for_item:
        refuse_no_method(make_command, "self", "item")
    elif not isinstance(make_command, CommandByKey):
        refuse_no_method(make_command, "self")
