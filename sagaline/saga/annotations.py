"""Reads from the return annotation of a method which commands it makes."""

from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import is_command_class


def returned_commands(method: Callable[..., Any], where: str) -> tuple[type[Command], ...]:
    """The classes of the commands that a method returns, without None.

    `where` names the method in errors. Raises DefinitionError where the annotation cannot be read,
    or names anything but commands.
    """
    try:
        returned = _returned(method)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            where=where,
            problem=f"its return annotation cannot be read ({error})",
            cure="Import the command's class at the top of the module.",
        ) from error
    found = tuple(each for each in returned if each is not type(None))
    if found and all(map(is_command_class, found)):
        return found
    raise DefinitionError(
        where=where,
        problem="its return annotation names no command",
        cure="Annotate it with the class of the command that it returns: -> Reserve, "
        "or -> Reserve | None.",
    )


def may_return_none(method: Callable[..., Any]) -> bool:
    """Whether the annotation of a method lets it return None."""
    return type(None) in _returned(method)


def _returned(method: Callable[..., Any]) -> tuple[Any, ...]:
    hint = get_type_hints(method).get("return")
    return get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)
