"""The frame of a command line: what goes wrong becomes one line and an exit status."""

import os
import sys
from typing import Any

import typer
from eventsourcing.persistence import PersistenceError
from typer.core import TyperGroup
from typing_extensions import override

from sagaline.cli.output import print_note
from sagaline.cli.signals import ending, was_ended
from sagaline.errors import SagalineError

ATTENTION = 1
"""The exit status of a command that was done, where something needs attention."""

UNUSABLE = 2
"""The exit status of what was not done: for wrong usage, an id that nothing has, bad configuration,
or a store that cannot be used."""


class Program(TyperGroup):
    """A group of commands whose errors are one line each, and which a broken pipe ends quietly."""

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        return _plain(super().get_command(ctx, cmd_name), ctx)

    @override
    def get_help_option(self, ctx: Any) -> Any:
        """The option that shows the help."""
        return _flag(super().get_help_option(ctx))

    @override
    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return self._flushed(ctx)
        except Exception as error:
            # What a signal has cut short may fail on its way out.
            status = 0 if was_ended() else _status_after(error, ctx)
            if status is None:
                raise
            raise typer.Exit(status) from error

    def _flushed(self, ctx: Any) -> Any:
        """Runs the command and writes what is buffered, while an error can still be caught."""
        try:
            result = super().invoke(ctx)
        except typer.Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
        return result


def launch(program: typer.Typer, name: str) -> None:
    """Runs a command line as the whole of a process."""
    with ending():
        program(prog_name=name)


def needs_attention(*, when: bool = True) -> None:
    """Ends the command with the status that says so."""
    if when:
        raise typer.Exit(ATTENTION)


def _status_after(error: Exception, ctx: Any) -> int | None:
    """Says what went wrong, and with which status that ends; None for what it does not know."""
    match error:
        case BrokenPipeError():
            _drop_output()
            return 0
        case OSError():
            # A full disk behind the output, for one: what is on the store stays there.
            _drop_output()
        case SagalineError() | PersistenceError():
            pass
        case _:
            return None
    print_note(f"{_name(ctx)}: {error}")
    return UNUSABLE


def _plain(command: Any, ctx: Any) -> Any:
    """The command, and those in it, with flags that the help shows no type of: they have none."""
    for each in () if command is None else command.get_params(ctx):
        _flag(each)
    for each in getattr(command, "commands", {}).values():
        _plain(each, ctx)
    return command


def _flag(option: Any) -> Any:
    if getattr(option, "is_flag", False) and option.metavar is None:
        option.metavar = ""
    return option


def _name(ctx: Any) -> str:
    return str(ctx.info_name).split()[-1]


def _drop_output() -> None:
    """What is still buffered goes nowhere, rather than into the pipe at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
