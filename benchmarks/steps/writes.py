"""What each step writes: statements, each with the row or the rows that it is run with."""

from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Executable, bindparam, insert, update

from benchmarks.steps.order import Order
from benchmarks.steps.tables import orders, payments, shipments, stock

_PIECES: BindParameter[int] = bindparam("pieces")
_SHELF = update(stock).where(stock.c.sku == bindparam("of"))

_RESERVE = _SHELF.values(reserved=stock.c.reserved + _PIECES)
_RELEASE = _SHELF.values(reserved=stock.c.reserved - _PIECES)
_DISPATCH = _SHELF.values(reserved=stock.c.reserved - _PIECES, on_hand=stock.c.on_hand - _PIECES)

_PLACE = insert(orders)
_CLOSE = (
    update(orders)
    .where(orders.c.order_id == bindparam("of"))
    .values(status=bindparam("end"), reason=bindparam("why"))
)

_PAY = insert(payments)
_REFUND = update(payments).where(payments.c.order_id == bindparam("of")).values(status="refunded")

_SHIP = insert(shipments)


class Write(NamedTuple):
    """A statement with its rows."""

    statement: Executable
    rows: Any


def reserve(order: Order) -> list[Write]:
    """The order is known, and its pieces are set aside."""
    placed = {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "amount": order.amount,
        "status": "placed",
    }
    return [Write(_PLACE, placed), Write(_RESERVE, _pieces(order))]


def release(order: Order) -> list[Write]:
    """The pieces are for sale again."""
    return [Write(_RELEASE, _pieces(order))]


def pay(order: Order) -> list[Write]:
    """The money is taken, or it is known that it cannot be."""
    status = "declined" if order.refused_payment else "captured"
    return [Write(_PAY, {"order_id": order.order_id, "amount": order.amount, "status": status})]


def refund(order: Order) -> list[Write]:
    """The money is given back."""
    return [Write(_REFUND, {"of": order.order_id})]


def ship(order: Order) -> list[Write]:
    """The parcel is booked, or it is known that it cannot be."""
    status = "refused" if order.refused_shipment else "booked"
    return [Write(_SHIP, {"order_id": order.order_id, "status": status})]


def dispatch(order: Order) -> list[Write]:
    """The pieces leave the shelves."""
    return [Write(_DISPATCH, _pieces(order))]


def complete(order: Order) -> list[Write]:
    """The order has ended well."""
    return [Write(_CLOSE, {"of": order.order_id, "end": "completed", "why": None})]


def cancel(order: Order, reason: str) -> list[Write]:
    """The order has ended, and nothing is left of it."""
    return [Write(_CLOSE, {"of": order.order_id, "end": "cancelled", "why": reason})]


def _pieces(order: Order) -> list[dict[str, Any]]:
    return [{"of": sku, "pieces": pieces} for sku, pieces in order.lines]
