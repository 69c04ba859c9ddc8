"""`gateway`: steers the simulated payment gateway."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from application.cli.options import environment_of, system_of
from application.payments import Payments
from application.ports import PortFault
from application.settings import Settings
from application.simulators.gateway import SimulatedGateway
from sagaline import StoreUnusable
from sagaline.assembly import environment, log_at
from sagaline.cli.stores import refuse_foreign, refuse_missing
from sagaline.cli.terminal import AsJson, print_json, show
from sagaline.storage import Datastore, check

program = typer.Typer(help="Steer the simulated payment gateway.", no_args_is_help=True)

OrderId = Annotated[UUID, typer.Argument(metavar="ORDER_ID", help="The order's id.")]


@program.callback()
def _gateway() -> None:
    """Steer the simulated payment gateway."""


@program.command("allow-refunds")
def allow_refunds(ctx: typer.Context, order_id: OrderId, json: AsJson = False) -> None:
    """Let the gateway grant the refund of an order, which it refused."""
    datastore = Datastore.open(*log_at(environment(environment_of(ctx)), Payments))
    try:
        refuse_missing(datastore)
        refuse_foreign(datastore, system_of(ctx, datastore))
        check(datastore, Payments.name)
        known = _allow_refunds(datastore, order_id)
    finally:
        datastore.close()
    if json:
        print_json({"order_id": order_id, "allowed": True, "payment_known": known})
    else:
        rest = "." if known else ", though the gateway knows of no payment yet."
        show(f"The refund of {order_id} will be granted{rest}")


def _allow_refunds(datastore: Datastore, order_id: UUID) -> bool:
    timeout = Settings().payment_timeout
    gateway = SimulatedGateway(datastore.url, timeout, lambda: datetime.now(UTC), datastore.schema)
    try:
        return gateway.allow_refunds(order_id)
    except PortFault as fault:
        raise StoreUnusable(url=datastore.address, reason=str(fault)) from fault
    finally:
        gateway.close()
