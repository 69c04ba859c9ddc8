"""The shop's command line: `python -m application [--store URL] COMMAND`."""

import typer

from application.cli import gateway
from application.cli.options import options
from application.cli.orders import order, orders
from application.cli.place import place, stock
from application.cli.refund import refund
from application.cli.reports import sales, stock_levels
from sagaline.cli.entrypoint import Program, launch
from sagaline.cli.logged_command import LoggedCommand

program = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
program.callback()(options)
for _command in (stock, place, orders, order, sales, stock_levels, refund):
    program.command(cls=LoggedCommand)(_command)
program.add_typer(gateway.program, name="gateway")


def main() -> None:
    """Runs the command line as the whole of a process."""
    launch(program, "python -m application")
