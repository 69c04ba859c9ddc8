"""`stock`: takes in stock."""

from typing import Annotated

import typer

from application.cli.intake import (
    REJECTED,
    Answer,
    Intake,
    Line,
    sum_up,
    tell_json,
    writing,
)
from application.cli.json_lines import Rejected, read_stock
from application.cli.live_input import lines_of
from application.inventory import Inventory
from sagaline.cli.terminal import AsJson, say

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON lines; - is the standard input.")]


def stock(ctx: typer.Context, file: File, json: AsJson = False) -> None:
    """Receive stock; with --json print one JSON line for each line, once it is on disk.

    A line that is rejected stops no other; the status is 1 then.
    """
    with lines_of(file) as lines, writing(Inventory, ctx) as inventory:
        intake = Intake(inventory, "received", _describe, tell_json if json else _tell)
        intake.take(lines, read_stock)
    sum_up(intake.counts)


def _describe(line: Line) -> Answer:
    if isinstance(line, Rejected):
        return {"sku": None, "quantity": None}
    return {"sku": line.command.sku, "quantity": line.command.quantity}


def _tell(answer: Answer) -> None:
    if answer["status"] == REJECTED:
        say(f"line {answer['line']}: {answer['error']}")
