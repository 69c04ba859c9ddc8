"""`refund`: asks again for money that the gateway would not give back."""

import typer

from application.cli.options import OrderId
from application.cli.stores import writing
from application.payments import Payments, RefundNotGivenUp, refund_again
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.output import AsJson, print_json, show


def refund(ctx: typer.Context, order_id: OrderId, json: AsJson = False) -> None:
    """Ask the gateway again for a refund that was given up, in the shop by choreography.

    Where a saga leads, the saga asks. The status is 1 where the refund is refused again.
    """
    with writing(Payments, ctx) as payments:
        try:
            reason = refund_again(payments, order_id)
        except RefundNotGivenUp as error:
            raise typer.BadParameter(str(error), param_hint="ORDER_ID") from error
    if json:
        print_json({"order_id": order_id, "refunded": reason is None, "reason": reason})
    else:
        show(f"The money of {order_id} {'is back' if reason is None else f'stays: {reason}'}.")
    needs_attention(when=reason is not None)
