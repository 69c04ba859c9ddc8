"""`place` and `stock`: orders and stock come in."""

import typer

from application.cli.batches import BatchWriter, print_answer, say_rejected
from application.cli.json_lines import read_orders, read_stock
from application.cli.live_input import lines_of
from application.cli.options import File
from application.cli.stores import writing
from application.inventory import Inventory
from application.orders import Orders
from sagaline.cli.output import AsJson


def place(ctx: typer.Context, file: File, json: AsJson = False) -> None:  # noqa: ARG001  # it always is
    """Place orders; print one JSON line for each, once it is on disk.

    The same order id again is a duplicate. A line that is rejected stops no other; the status is 1
    then.
    """
    with lines_of(file) as lines, writing(Orders, ctx) as orders:
        BatchWriter(orders, "placed", ["order_id"], print_answer).write(lines, read_orders)


def stock(ctx: typer.Context, file: File, json: AsJson = False) -> None:
    """Receive stock; with --json print one JSON line for each line, once it is on disk.

    A line that is rejected stops no other; the status is 1 then.
    """
    tell = print_answer if json else say_rejected
    with lines_of(file) as lines, writing(Inventory, ctx) as inventory:
        BatchWriter(inventory, "received", ["sku", "quantity"], tell).write(lines, read_stock)
