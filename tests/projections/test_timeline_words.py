"""Every event has a name and a summary for people."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate

from application.commands import ReserveStock, TakePayment
from domain.order import Order
from domain.payment import Payment
from domain.reservation import Reservation, ReservedLine
from domain.shipment import Shipment
from domain.stock import Stock
from projections.order_timeline import LONGEST, OrderTimeline, name_of, summary
from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.instance import Journal
from sagaline.saga.requests import request_class
from sagaline.saga.state import Action, Answer, Outcome, Role, State
from sagaline.testing import LONG_AGO, SOMEONE, given, happened, recorded
from tests.projections.history import SHIP_TO, event, line, usd

ORDER = UUID(int=1)
LINES = (ReservedLine(sku="A1", quantity=1),)


class Gift(Aggregate):
    class Wrapped(Aggregate.Event):
        colour: str
        price: Any
        ribbons: int
        notes: tuple[str, ...]
        order_id: UUID

    class Opened(Aggregate.Event):
        pass


def an(kind: type[Any], **fields: Any) -> Any:
    return event(kind, ORDER, LONG_AGO, **fields)


def asked(attempt: int) -> Any:
    return an(
        request_class(ReserveStock),
        step="reserve_stock",
        role=Role.DO,
        attempt=attempt,
        command=ReserveStock(order_id=ORDER, lines=LINES),
        answer=None,
    )


def noted(heeded: bool) -> Any:
    answer = Answer("take_payment", undo=False, outcome=Outcome.DONE, reason="", event=None)
    return an(Journal.Noted, answer=answer, heeded=heeded)


def ended(state: State, reason: str) -> Any:
    return an(Journal.Ended, state=state, reason=reason, answer=None)


TAKE = TakePayment(order_id=ORDER, amount=usd("5"), payment_method="pm_card_visa")

WORDS = [
    (
        an(
            Order.Placed,
            customer_id="9",
            lines=(line("A1"),),
            total=usd("9.99"),
            payment_method="pm_card_visa",
            ship_to=SHIP_TO,
        ),
        "Order.Placed",
        "1 piece of 1 SKU for 9.99 USD",
    ),
    (an(Order.Completed, placed_at=LONG_AGO, total=usd("5")), "Order.Completed", "5.00 USD"),
    (
        an(Order.Cancelled, placed_at=LONG_AGO, total=usd("5"), reason="no stock"),
        "Order.Cancelled",
        "no stock",
    ),
    (an(Stock.Reserved, sku="A1", order_id=ORDER, quantity=2), "Stock.Reserved", "2 of A1"),
    (
        an(Reservation.Made, order_id=ORDER, lines=LINES),
        "Reservation.Made",
        "1 piece of 1 SKU",
    ),
    (
        an(Reservation.Refused, order_id=ORDER, reason="not enough A1"),
        "Reservation.Refused",
        "not enough A1",
    ),
    (
        an(Payment.Pending, order_id=ORDER, amount=usd("5")),
        "Payment.Pending",
        "5.00 USD, not known yet",
    ),
    (
        an(Payment.Captured, order_id=ORDER, amount=usd("19.98"), reference="ch_1"),
        "Payment.Captured",
        "captured 19.98 USD",
    ),
    (
        an(Payment.Refunded, order_id=ORDER, amount=usd("19.98")),
        "Payment.Refunded",
        "refunded 19.98 USD",
    ),
    (
        an(Payment.Declined, order_id=ORDER, reason="card declined"),
        "Payment.Declined",
        "card declined",
    ),
    (
        an(Shipment.Booked, order_id=ORDER, tracking_number="T-1"),
        "Shipment.Booked",
        "tracking number T-1",
    ),
    (
        CommandFaulted.of(TAKE, 2, "no answer"),
        "CommandFaulted",
        "TakePayment, attempt 2: no answer",
    ),
    (
        an(
            Journal.Started,
            saga="OrderFulfilment",
            key=str(ORDER),
            fingerprint="f",
            plan=("reserve_stock", "take_payment"),
            event=None,
        ),
        "Journal.Started",
        "OrderFulfilment: reserve_stock, take_payment",
    ),
    (asked(1), "ReserveStock", "do reserve_stock"),
    (asked(3), "ReserveStock", "do reserve_stock, attempt 3"),
    (noted(True), "Journal.Noted", "take_payment done"),
    (noted(False), "Journal.Noted", "take_payment done, too late to matter"),
    (
        an(Journal.Parked, step="refund_payment", reason="refused", answer=None),
        "Journal.Parked",
        "refund_payment: refused",
    ),
    (
        an(Journal.Intervened, action=Action.SKIP, step="pay", by="Eve", reason="in cash"),
        "Journal.Intervened",
        "skip pay by Eve: in cash",
    ),
    (ended(State.COMPLETED, ""), "Journal.Ended", "completed"),
    (ended(State.COMPENSATED, "card declined"), "Journal.Ended", "compensated: card declined"),
    (
        an(
            Gift.Wrapped,
            colour="red",
            price=Decimal("1.50"),
            ribbons=0,
            notes=("for you",),
            order_id=ORDER,
        ),
        "Gift.Wrapped",
        "colour red, price 1.50, ribbons 0",
    ),
    (an(Gift.Opened), "Gift.Opened", ""),
]


@pytest.mark.parametrize(
    ("told_of", "name", "line"), WORDS, ids=[f"{name}: {line}" for _, name, line in WORDS]
)
def test_an_event_has_a_name_and_a_summary(told_of: Any, name: str, line: str) -> None:
    assert (name_of(told_of), summary(told_of)) == (name, line)


def test_a_summary_is_one_short_line() -> None:
    cancelled = happened(
        Order.Cancelled, placed_at=LONG_AGO, total=usd("5"), reason="very\nlong " * 99
    )
    (row,) = given(OrderTimeline).when(cancelled).rows
    assert len(row["summary"]) <= LONGEST
    assert "\n" not in row["summary"]


def test_only_events_of_an_order_are_on_its_timeline() -> None:
    received = happened(Stock.Received, sku="A1", quantity=1)
    (
        given(OrderTimeline)
        .when(
            recorded(received, key=None),
            recorded(received, key="A1"),
            recorded(received, key=ORDER, application="Inventory", hop=4),
        )
        .then_rows(1)
        .then_row((ORDER, "Inventory", 3), hop=4, event="Stock.Received", happened_at=AT_THIRD)
        .then_no_row((SOMEONE, "Test", 1))
    )


AT_THIRD = LONG_AGO.replace(second=2)
