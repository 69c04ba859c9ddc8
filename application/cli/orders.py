"""`orders` and `order`: the state of orders, from the read tables alone."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from application.cli.options import Offset, Timeout, Wait
from application.cli.reading import reading
from projections.order_detail import order as find_order
from projections.order_list import orders as find_orders
from projections.tables import order_detail, order_list, order_timeline, payment_ledger
from sagaline.cli.entrypoint import UNUSABLE
from sagaline.cli.output import AsJson, facts, moment, print_json, print_note, print_rows, show
from sagaline.cli.tables import Listing, clamp_limit


class Status(StrEnum):
    """The status of an order."""

    PLACED = "placed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ATTENTION = "attention"


WithStatus = Annotated[Status | None, typer.Option("--status", help="Orders of one status only.")]
Customer = Annotated[str | None, typer.Option(metavar="C", help="Orders of customer C only.")]
Limit = Annotated[
    int,
    typer.Option(min=0, metavar="N", callback=clamp_limit, help="At most N, newest first."),
]
OrderId = Annotated[UUID, typer.Argument(metavar="ID", help="The order's id.")]


def orders(
    ctx: typer.Context,
    status: WithStatus = None,
    customer: Customer = None,
    limit: Limit = 50,
    offset: Offset = 0,
    wait: Wait = None,
    timeout: Timeout = 30.0,
    json: AsJson = False,
) -> None:
    """List orders, newest first."""
    with reading(ctx, [order_list], wait, timeout) as connection:
        found = find_orders(
            connection, status=status, customer=customer, limit=limit, offset=offset
        )
    if json:
        print_rows(found)
    else:
        _show_orders(found)


def order(
    ctx: typer.Context,
    order_id: OrderId,
    wait: Wait = None,
    timeout: Timeout = 30.0,
    json: AsJson = False,
) -> None:
    """Show one order: its lines, its payments and its timeline."""
    tables = [order_list, order_detail, order_timeline, payment_ledger]
    with reading(ctx, tables, wait, timeout) as connection:
        found = find_order(connection, order_id)
    if found is None:
        print_note(f"application: There is no order {order_id}.")
        raise typer.Exit(UNUSABLE)
    if json:
        print_json(found)
    else:
        _show_order(found)


def _show_orders(found: list[dict[str, Any]]) -> None:
    rows = Listing("order", "status", "#total", "?placed", "?customer", "?items", ">reason")
    for each in found:
        rows.add(
            each["order_id"], each["status"], _total(each), moment(each["placed_at"])[:16],
            each["customer_id"], each["item_count"], each["reason"],
            style=_STYLES.get(each["status"], ""),
        )  # fmt: skip
    rows.show()


def _show_order(found: dict[str, Any]) -> None:
    show(facts(_head(found)))
    lines = Listing("sku", "#quantity", "#price", "#total", title="\nlines")
    for each in found["lines"]:
        lines.add(each["sku"], each["quantity"], each["unit_price"], each["line_total"])
    lines.show()
    payments = Listing("payment", "#amount", "at", title="\npayments")
    for each in found["payments"]:
        amount = f"{each['amount']} {each['currency']}"
        payments.add(each["kind"], amount, moment(each["happened_at"]))
    payments.show("\nNothing was paid.")
    events = Listing("at", "?application", "event", ">", title="\nwhat happened")
    for each in found["timeline"]:
        at = f"{each['happened_at']:%H:%M:%S.%f}"[:-3]
        events.add(at, each["application"], each["event"], each["summary"])
    events.show("")


def _head(found: dict[str, Any]) -> list[tuple[str, Any]]:
    status = found["status"]
    return [
        ("order", found["order_id"]),
        ("status", f"{status}: {found['reason']}" if found["reason"] else status),
        ("customer", found["customer_id"]),
        ("total", _total(found)),
        ("placed", found["placed_at"]),
        ("updated", found["updated_at"]),
    ]


def _total(found: dict[str, Any]) -> str:
    return "" if found["total"] is None else f"{found['total']} {found['currency']}"


_STYLES = {Status.ATTENTION.value: "red", Status.CANCELLED.value: "dim"}
