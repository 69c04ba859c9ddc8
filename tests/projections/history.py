"""The events of whole orders, in the logs of the shop."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from eventsourcing.domain import CanInitAggregate
from eventsourcing.utils import get_topic
from sqlalchemy import select

from application.commands import TakePayment
from domain.money import Money
from domain.order import Order, OrderLine, ShipTo
from domain.payment import Payment
from domain.reservation import Reservation, ReservedLine
from domain.shipment import Shipment
from domain.stock import Stock
from projections import READ_MODELS
from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projector import Projector
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.requests import request_class
from sagaline.saga.state import Action, Role, State
from sagaline.storage import Datastore

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
SHIP_TO = ShipTo(country="US", postcode="45202")

Logs = dict[str, list[Message]]
Row = dict[str, Any]


class Ending(Enum):
    OPEN = "open"
    COMPLETED = "completed"
    DECLINED = "declined"
    REFUNDED = "refunded"
    PARKED = "parked"
    RESUMED = "parked, then resumed"
    ABANDONED = "parked, then abandoned"
    PARKED_THEN_COMPLETED = "parked, then completed"
    PARKED_THEN_CANCELLED = "parked, then cancelled"


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def line(sku: str, quantity: int = 1, price: str = "9.99") -> OrderLine:
    return OrderLine(sku=sku, quantity=quantity, unit_price=usd(price))


def event(kind: type[Any], stream: UUID, at: datetime, version: int = 1, **fields: Any) -> Any:
    """An event of that stream, with the envelope that its class needs."""
    if issubclass(kind, CanInitAggregate):
        fields["originator_topic"] = f"{kind.__module__}:{kind.__qualname__.rpartition('.')[0]}"
    return kind(originator_id=stream, originator_version=version, timestamp=at, **fields)


class Shop:
    """The four logs of the shop and that of its saga, filled by the test."""

    def __init__(self, skus: Iterable[str] = ("A1", "B2")) -> None:
        self.logs: Logs = {
            name: [] for name in ("Orders", "Inventory", "Payments", "Shipping", "OrderFulfilment")
        }
        for sku in skus:
            self._stock(sku, Stock.Listed, None, 0, MONDAY)
            self._stock(sku, Stock.Received, None, 0, MONDAY, quantity=1_000)

    def run(
        self,
        order_id: UUID,
        ending: Ending,
        at: datetime = MONDAY,
        lines: Sequence[OrderLine] = (line("A1", 2), line("B2", 1, "5.00")),
        customer: str = "900",
    ) -> None:
        """One order, from placed to its end; each event comes a second after its cause."""
        course = _Course(self, order_id, at, tuple(lines), customer)
        course.begin()
        if "declined" in ending.value:
            course.decline()
        elif ending is not Ending.OPEN:
            course.pay()
        if "parked" in ending.value:
            course.park()
        if ending in (Ending.PARKED_THEN_COMPLETED, Ending.RESUMED):
            course.resume()
        if ending is Ending.ABANDONED:
            course.abandon()
        if ending in (Ending.COMPLETED, Ending.PARKED_THEN_COMPLETED):
            course.complete()
        elif ending in (Ending.REFUNDED, Ending.PARKED_THEN_CANCELLED):
            course.refund()

    def add(self, application: str, key: UUID | None, hop: int, happened: Any) -> None:
        log = self.logs[application]
        # Ids have gaps, as a rolled-back transaction leaves them.
        id_ = log[-1].id + 1 + len(log) % 3 if log else 1
        log.append(
            Message(
                application,
                id_,
                get_topic(type(happened)),
                key=None if key is None else str(key),
                hop=hop,
                event=happened,
            )
        )

    def _stock(
        self, sku: str, kind: type[Any], key: UUID | None, hop: int, at: datetime, **fields: Any
    ) -> None:
        self.add("Inventory", key, hop, event(kind, Stock.id_of(sku), at, sku=sku, **fields))

    def move(
        self, kind: type[Any], order_id: UUID, each: OrderLine, hop: int, at: datetime
    ) -> None:
        """Appends the stock events of one line."""
        self._stock(each.sku, kind, order_id, hop, at, order_id=order_id, quantity=each.quantity)


class _Course:
    """The events of one order."""

    def __init__(
        self,
        shop: Shop,
        order_id: UUID,
        placed_at: datetime,
        lines: tuple[OrderLine, ...],
        customer: str,
    ) -> None:
        self.shop = shop
        self.order_id = order_id
        self.placed_at = placed_at
        self.lines = lines
        self.customer = customer
        self.total = Money.zero("USD")
        for each in lines:
            self.total += each.total
        self.hop = 0

    def begin(self) -> None:
        self._add(
            "Orders",
            Order.Placed,
            self.order_id,
            customer_id=self.customer,
            lines=self.lines,
            total=self.total,
            payment_method="pm_card_visa",
            ship_to=SHIP_TO,
        )
        self._stock(Stock.Reserved, Reservation.Made)

    def pay(self) -> None:
        take = TakePayment(
            id=UUID(int=self.order_id.int + 1),
            order_id=self.order_id,
            amount=self.total,
            payment_method="pm_card_visa",
        )
        self._journal(
            request_class(TakePayment),
            step="take_payment",
            role=Role.DO,
            attempt=1,
            command=take,
            answer=None,
        )
        self._pay(Payment.Captured, amount=self.total, reference="ch_1")

    def decline(self) -> None:
        self._pay(Payment.Declined, reason="card declined")
        self._stock(Stock.Released, Reservation.Released)
        self._end(Order.Cancelled, reason="card declined")

    def park(self) -> None:
        self._journal(Journal.Parked, step="book_shipment", reason="no answer", answer=None)

    def resume(self) -> None:
        self._journal(Journal.Resumed, state=State.RUNNING, reason="", answer=None)

    def abandon(self) -> None:
        told = {"action": Action.ABANDON, "by": "Eve", "reason": "a lost case"}
        self._journal(Journal.Intervened, step="", **told)
        self._journal(Journal.Ended, state=State.ABANDONED, reason="", answer=None)

    def complete(self) -> None:
        self._add(
            "Shipping",
            Shipment.Booked,
            Shipment.id_of(self.order_id),
            order_id=self.order_id,
            tracking_number="TRACK-1",
        )
        self._stock(Stock.Dispatched, Reservation.Dispatched)
        self._end(Order.Completed)
        self._journal(Journal.Ended, state=State.COMPLETED, reason="", answer=None)

    def refund(self) -> None:
        self._pay(Payment.Refunded, amount=self.total)
        self._stock(Stock.Released, Reservation.Released)
        self._end(Order.Cancelled, reason="undeliverable")

    def _stock(self, moved: type[Any], answered: type[Any]) -> None:
        for each in self.lines:
            self.shop.move(moved, self.order_id, each, self.hop, self._now)
        lines = tuple(ReservedLine(sku=each.sku, quantity=each.quantity) for each in self.lines)
        stream = Reservation.id_of(self.order_id)
        self._add("Inventory", answered, stream, order_id=self.order_id, lines=lines)

    def _pay(self, kind: type[Any], **fields: Any) -> None:
        stream = Payment.id_of(self.order_id)
        self._add("Payments", kind, stream, order_id=self.order_id, **fields)

    def _end(self, kind: type[Any], **fields: Any) -> None:
        facts = {"placed_at": self.placed_at, "total": self.total, **fields}
        self._add("Orders", kind, self.order_id, **facts)

    def _journal(self, kind: type[Any], **fields: Any) -> None:
        stream = journal_id("OrderFulfilment", str(self.order_id))
        self._add("OrderFulfilment", kind, stream, **fields)

    def _add(self, application: str, kind: type[Any], stream: UUID, **fields: Any) -> None:
        happened = event(kind, stream, self._now, **fields)
        self.shop.add(application, self.order_id, self.hop, happened)
        self.hop += 1

    @property
    def _now(self) -> datetime:
        return self.placed_at + timedelta(seconds=self.hop)


class Views:
    """The read models of the shop over a store, driven by the test."""

    def __init__(self, store: Datastore, models: Iterable[type[ReadModel]] = READ_MODELS) -> None:
        self.store = store
        self.projectors = [Projector(each, store) for each in models]
        with store.write() as connection:
            for each in self.projectors:
                each.create_table(connection)

    def fold(self, messages: Sequence[Message], restarted: bool = False) -> None:
        """Handles a batch, as a follower does; `restarted`: without cached rows."""
        for each in self.projectors:
            wanted = [m for m in messages if each.topics is None or m.topic in each.topics]
            if restarted:
                each.roll_back()
            each.prepare(wanted)
            for message in wanted:
                each.handle(message)
            with self.store.write() as connection:
                each.write(connection)
            each.after_commit()

    def tables(self) -> dict[str, list[Row]]:
        """All rows of all tables."""
        with self.store.read() as connection:
            return {
                each.table.name: [
                    dict(row)
                    for row in connection.execute(
                        select(each.table).order_by(*each.table.primary_key.columns)
                    ).mappings()
                ]
                for each in self.projectors
            }


def one_log_after_the_other(logs: Logs) -> Iterator[Message]:
    for log in logs.values():
        yield from log
