"""`sales` and `stock-levels`: figures, from the read tables alone."""

from datetime import datetime
from typing import Annotated

import typer

from application.cli.options import Offset, Timeout, Wait
from application.cli.reading import reading
from projections.sales_by_day import sales as find_sales
from projections.stock_level import stock_levels as find_stock_levels
from projections.tables import sales_by_day, stock_level
from sagaline.cli.output import AsJson, print_rows, show
from sagaline.cli.tables import Listing, clamp_limit

SHOWN = 50
"""SKUs shown to people without --limit."""

DAY = ["%Y-%m-%d"]

From = Annotated[
    datetime | None,
    typer.Option("--from", formats=DAY, metavar="D", help="From this day on: 2026-01-31."),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", formats=DAY, metavar="D", help="Up to this day, which is included."),
]
Sku = Annotated[str | None, typer.Option(metavar="SKU", help="One SKU only.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", callback=clamp_limit, help=f"At most N. [{SHOWN}; with --json all]"
    ),
]


def sales(
    ctx: typer.Context,
    first: From = None,
    last: To = None,
    wait: Wait = None,
    timeout: Timeout = 30.0,
    json: AsJson = False,
) -> None:
    """Show sales by the day (UTC) of placing; the revenue is that of completed orders."""
    if first and last and first > last:
        raise typer.BadParameter("It is after --to.", ctx, param_hint="--from")
    days = {"first": first and first.date(), "last": last and last.date()}
    with reading(ctx, [sales_by_day], wait, timeout) as connection:
        found = find_sales(connection, **days)
    if json:
        print_rows(found)
        return
    rows = Listing("day", "#placed", "#completed", "#cancelled", "#revenue")
    for each in found:
        counts = (each["orders_placed"], each["orders_completed"], each["orders_cancelled"])
        rows.add(each["day"], *counts, f"{each['revenue']:,} {each['currency']}")
    rows.show()


def stock_levels(
    ctx: typer.Context,
    sku: Sku = None,
    limit: Limit = None,
    offset: Offset = 0,
    wait: Wait = None,
    timeout: Timeout = 30.0,
    json: AsJson = False,
) -> None:
    """Show what is in stock, by SKU."""
    most = limit if json or limit is not None else SHOWN + 1
    with reading(ctx, [stock_level], wait, timeout) as connection:
        found = find_stock_levels(connection, sku=sku, limit=most, offset=offset)
    if json:
        print_rows(found)
        return
    rows = Listing("sku", "#on hand", "#reserved", "#available")
    for each in found[: limit or SHOWN]:
        rows.add(each["sku"], each["on_hand"], each["reserved"], each["available"])
    rows.show()
    if limit is None and len(found) > SHOWN:
        show("... and more: --limit N, --offset N, or --sku SKU")
