"""The command line: `sagaline [--app MODULE:SYSTEM] [--store URL] COMMAND`."""

from sagaline.cli.commands import COMMANDS
from sagaline.cli.entrypoint import command_line, launch
from sagaline.cli.options import options
from sagaline.cli.signals import end_process

program = command_line(options, COMMANDS)


def main() -> None:
    """Run the command line as the main program of a process."""
    launch(program, "sagaline")


def script() -> None:
    """Run it as the command `sagaline`, which ends the process."""
    end_process(main)
