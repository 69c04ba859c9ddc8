"""The program `sagaline`: its options and its commands."""

from sagaline.cli.commands import COMMANDS
from sagaline.cli.entrypoint import command_line
from sagaline.cli.options import options

program = command_line(options, COMMANDS)
