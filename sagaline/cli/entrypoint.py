"""The frame of a command line: each error becomes one line and an exit status."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import typer
from eventsourcing.persistence import PersistenceError
from typer.core import TyperGroup
from typing_extensions import override

from sagaline.cli.gc_tuning import rare_collections
from sagaline.cli.lazy_command import without_flag_type, without_flag_types
from sagaline.cli.log_options import log_options
from sagaline.cli.output import print_note
from sagaline.cli.signals import ended_by_signal, exit_on_signals
from sagaline.errors import SagalineError
from sagaline.messaging.plain_text import traceback_text

ATTENTION = 1
"""Exit status of a command that was done, where something needs attention."""

UNUSABLE = 2
"""Exit status of a command that was not done: wrong usage, an unknown id, bad configuration, or a
store that cannot be used."""


class Program(TyperGroup):
    """A group of commands that prints each error on one line, and exits with 0 on a broken pipe."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.params += log_options()

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name."""
        return without_flag_types(super().get_command(ctx, cmd_name), ctx)

    @override
    def get_help_option(self, ctx: Any) -> Any:
        """Return the option that shows the help."""
        return without_flag_type(super().get_help_option(ctx))

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return self._flushed(ctx)
        except Exception as error:
            # A command that a signal interrupts may fail during its exit.
            status = 0 if ended_by_signal() else _status_after(error, ctx)
            if status is None:
                raise
            raise typer.Exit(status) from error

    def _flushed(self, ctx: Any) -> Any:
        """Run the command and flush the output while an error can still be caught."""
        try:
            result = super().invoke(ctx)
        except typer.Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
        return result


def command_line(options: Callable[..., None], commands: Iterable[Any] = ()) -> typer.Typer:
    """Make a program with these options before the command.

    Each of `commands` is a `LazyCommand`, or a group of them. More commands can be added to the
    program as Typer does it.
    """

    class WithCommands(Program):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands.update((each.name, each) for each in commands)

    program = typer.Typer(
        cls=WithCommands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    program.callback()(options)
    return program


def launch(program: typer.Typer, name: str) -> None:
    """Run a command line as the main program of a process."""
    with rare_collections(), exit_on_signals():
        try:
            program(prog_name=name)
        except Exception as bug:
            # Python would write the texts of exceptions as they are, escapes included.
            print(traceback_text(bug), file=sys.stderr)
            raise SystemExit(1) from bug


def needs_attention(*, when: bool = True) -> None:
    """End the command with the exit status for attention."""
    if when:
        raise typer.Exit(ATTENTION)


def _status_after(error: Exception, ctx: Any) -> int | None:
    """Print an error and return its exit status; None for an error that is a bug."""
    match error:
        case BrokenPipeError():
            _drop_output()
            return 0
        case OSError():
            # For example, the disk of the output is full: the store keeps what was committed.
            _drop_output()
        case SagalineError() | PersistenceError():
            pass
        case MemoryError():
            error = MemoryError("this machine has no memory left: nothing was lost, start it again")
        case _:
            return None
    print_note(f"{_name(ctx)}: {error}", level="ERROR")
    return UNUSABLE


def _name(ctx: Any) -> str:
    return str(ctx.info_name).split()[-1]


def _drop_output() -> None:
    """Discard what is still buffered, so that Python does not write it to the pipe at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
