"""`gateway`: steers the simulated payment gateway."""

from datetime import UTC, datetime

import typer

from application import adapters
from application.cli.options import OrderId
from application.cli.stores import existing
from application.payments import Payments
from application.ports import PortFault
from application.simulators.gateway import SimulatedGateway
from sagaline import StoreUnusable
from sagaline.cli.logged_command import LoggedCommand
from sagaline.cli.output import AsJson, print_json, show

program = typer.Typer(help="Steer the simulated payment gateway.", no_args_is_help=True)


@program.callback()
def _gateway() -> None:
    """Steer the simulated payment gateway."""


@program.command("allow-refunds", cls=LoggedCommand)
def allow_refunds(ctx: typer.Context, order_id: OrderId, json: AsJson = False) -> None:
    """Let the gateway grant the refund of an order, which it refused."""
    with existing(Payments, ctx) as store:
        gateway = adapters.payment_gateway(store, lambda: datetime.now(UTC))
        if not isinstance(gateway, SimulatedGateway):
            raise typer.BadParameter("The payment gateway is a real one.", ctx)
        try:
            known = gateway.allow_refunds(order_id)
        except PortFault as fault:
            raise StoreUnusable(url=store.address, reason=str(fault)) from fault
        finally:
            gateway.close()
    if json:
        print_json({"order_id": order_id, "allowed": True, "payment_known": known})
    else:
        rest = "." if known else ", though the gateway knows of no payment yet."
        show(f"The refund of {order_id} will be granted{rest}")
