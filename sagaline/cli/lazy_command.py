"""Commands that are imported when they are invoked, so that each loads only what it uses."""

from importlib import import_module
from inspect import cleandoc
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typing_extensions import override

from sagaline.cli.logged_command import LoggedCommand


class LazyCommand(TyperCommand):
    """A command of which only the name and the help are known before it is invoked.

    `target` is MODULE:FUNCTION; the function is one as Typer takes it. `help` is a paragraph for
    the list of commands, and more paragraphs for the help of the command itself.
    """

    def __init__(self, name: str, target: str, help: str) -> None:
        super().__init__(name, help=cleandoc(help))
        self._target = target

    @override
    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Make the context of the imported command, which is then invoked in place of this."""
        command = without_flag_types(self._imported(), parent)
        return command.make_context(info_name, args, parent, **extra)

    def _imported(self) -> Any:
        module, _, function = self._target.partition(":")
        program = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
        )
        program.command(self.name, help=self.help, cls=LoggedCommand)(
            getattr(import_module(module), function)
        )
        return get_command(program)


def command_group(name: str, help: str, *commands: LazyCommand) -> TyperGroup:
    """A command with commands of its own."""
    return TyperGroup(
        name=name,
        help=help,
        commands={str(each.name): each for each in commands},
        no_args_is_help=True,
        rich_markup_mode="markdown",
    )


def without_flag_types(command: Any, ctx: Any) -> Any:
    """Hide the types of flags in the help of a command and of its own commands; return it."""
    for each in () if command is None else command.get_params(ctx):
        without_flag_type(each)
    for each in getattr(command, "commands", {}).values():
        without_flag_types(each, ctx)
    return command


def without_flag_type(option: Any) -> Any:
    """Hide the type of an option that is a flag: it takes no value."""
    if getattr(option, "is_flag", False) and option.metavar is None:
        option.metavar = ""
    return option
