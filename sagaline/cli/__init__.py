"""The command line: `sagaline [--app MODULE:SYSTEM] [--store URL] COMMAND`."""

import typer

from sagaline.cli.commands import dead_letters, sagas, timers
from sagaline.cli.commands.check import check
from sagaline.cli.commands.diagram import diagram
from sagaline.cli.commands.events import events
from sagaline.cli.commands.rebuild import rebuild
from sagaline.cli.commands.run import run
from sagaline.cli.commands.settings import list_settings
from sagaline.cli.commands.status import status
from sagaline.cli.commands.timeline import timeline
from sagaline.cli.entrypoint import Program, launch
from sagaline.cli.options import options

program = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
program.callback()(options)
for _command in (run, status, rebuild, events, timeline, check, diagram):
    program.command()(_command)
program.command("settings")(list_settings)
program.add_typer(sagas.program, name="sagas")
program.add_typer(timers.program, name="timers")
program.add_typer(dead_letters.program, name="dead-letters")


def main() -> None:
    """Runs the command line as the whole of a process."""
    launch(program, "sagaline")
