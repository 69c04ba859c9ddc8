"""`refund`: a person asks for money that the gateway would not give back."""

from typing import Annotated
from uuid import UUID

import typer

from application.cli.intake import writing
from application.commands import RefundPayment
from application.payments import Payments
from application.ports import PortFault
from domain.payment import Payment, Status
from sagaline import Application
from sagaline.cli.program import needs_attention
from sagaline.cli.terminal import AsJson, print_json, show

OrderId = Annotated[UUID, typer.Argument(metavar="ORDER_ID", help="The order's id.")]


def refund(ctx: typer.Context, order_id: OrderId, json: AsJson = False) -> None:
    """Ask the gateway again for a refund that was given up, in the shop by choreography.

    Where a saga leads, it is the saga that asks. The status is 1 where the refund is refused again.
    """
    with writing(Payments, ctx) as payments:
        _refuse_needless(payments, order_id)
        reason = _ask(payments, order_id)
    if json:
        print_json({"order_id": order_id, "refunded": reason is None, "reason": reason})
    else:
        show(f"The money of {order_id} {'is back' if reason is None else f'stays: {reason}'}.")
    needs_attention(when=reason is not None)


def _refuse_needless(payments: Application, order_id: UUID) -> None:
    (payment,) = payments.repository.find(Payment, [Payment.id_of(order_id)])
    if payment is None or payment.given_up is None or payment.status is not Status.CAPTURED:
        raise typer.BadParameter(f"No refund of {order_id} was given up.", param_hint="ORDER_ID")


def _ask(payments: Application, order_id: UUID) -> str | None:
    """Asks; returns why not, where the money stays."""
    try:
        payments.execute_one(RefundPayment(order_id=order_id))
    except PortFault as fault:
        return fault.reason
    payment: Payment = payments.repository.get(Payment.id_of(order_id))
    return None if payment.status is Status.REFUNDED else "the refund was refused again"
