"""The shop's command line: `python -m application [--store URL] COMMAND`."""

import typer

from application import cli_gateway
from application.cli_options import options
from application.cli_orders import order, orders
from application.cli_place import place
from application.cli_refund import refund
from application.cli_reports import sales, stock_levels
from application.cli_stock import stock
from sagaline.cli.entrypoint import Program, launch

program = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
program.callback()(options)
for _command in (stock, place, orders, order, sales, stock_levels, refund):
    program.command()(_command)
program.add_typer(cli_gateway.program, name="gateway")


def main() -> None:
    """Runs the command line as the whole of a process."""
    launch(program, "python -m application")
