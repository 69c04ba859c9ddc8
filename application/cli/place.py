"""`place`: takes in orders."""

from typing import Annotated

import typer

from application.cli.intake import Answer, Intake, Line, sum_up, tell_json, writing
from application.cli.json_lines import Rejected, read_orders
from application.cli.live_input import lines_of
from application.orders import Orders
from sagaline.cli.terminal import AsJson

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON lines; - is the standard input.")]


def place(ctx: typer.Context, file: File, json: AsJson = False) -> None:  # noqa: ARG001  # it always is
    """Place orders; print one JSON line for each, once it is on disk.

    The same order id again is a duplicate. A line that is rejected stops no other; the status is 1
    then.
    """
    with lines_of(file) as lines, writing(Orders, ctx) as orders:
        intake = Intake(orders, "placed", _describe, tell_json)
        intake.take(lines, read_orders)
    sum_up(intake.counts)


def _describe(line: Line) -> Answer:
    order_id = line.order_id if isinstance(line, Rejected) else line.command.order_id
    return {"order_id": order_id}
