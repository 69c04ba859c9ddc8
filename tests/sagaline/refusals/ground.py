# ruff: noqa: F401  (the code in the tables uses these names)
"""What the wrong pieces of code in this room are written against: a small system that works."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Integer, MetaData, Numeric, Table, Text

from sagaline import (
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Application,
    CancelTimer,
    Command,
    Message,
    Options,
    ReadModel,
    Retry,
    Runner,
    Saga,
    SetTimer,
    System,
    Timing,
    Uuid,
    handles,
    hears,
    locks,
    minutes,
    on_compensated,
    on_completed,
    project,
    query,
    reacts_to,
    rebuild,
    roll_back,
    schedule,
    step,
    step_for_each,
    timeline,
    version,
    wait_for,
)
from sagaline.errors import SagalineError


class PlaceOrder(Command, key="order_id"):
    order_id: UUID


class PayOrder(Command, key="order_id"):
    order_id: UUID


class RefundOrder(Command, key="order_id"):
    order_id: UUID


class SendOrder(Command, key="order_id"):
    order_id: UUID


class CallCustomer(Command, key="order_id"):
    order_id: UUID
    words: str


class NoMoney(Exception):
    pass


class Order(Aggregate):
    class Placed(Aggregate.Created):
        pass

    class Paid(Aggregate.Event):
        pass

    class Declined(Aggregate.Event):
        reason: str

    class Forfeited(Aggregate.Event):
        amount: int

    class Refunded(Aggregate.Event):
        pass

    class Sent(Aggregate.Event):
        pass


class Parcel(Aggregate):
    class Packed(Aggregate.Created):
        pass

    class Lost(Aggregate.Event):
        pass


class Orders(Application, aggregates=[Order]):
    @handles(PlaceOrder)
    def place(self, command: PlaceOrder) -> Order:
        return Order()

    @handles(PayOrder)
    def pay(self, command: PayOrder) -> None: ...

    @handles(RefundOrder)
    def refund(self, command: RefundOrder) -> None: ...

    @handles(SendOrder)
    def send(self, command: SendOrder) -> None: ...


class Parcels(Application, aggregates=[Parcel]):
    pass


def by_id(event: Any) -> UUID:
    found: UUID = event.originator_id
    return found


class Fulfil(Saga, starts_on=Order.Placed, key=by_id):
    pay = step(PayOrder, done=Order.Paid, kind=PIVOT, within=minutes(5))
    send = step(SendOrder, done=Order.Sent, kind=RETRIABLE)


def table(name: str = "order_list", *columns: Any) -> Table:
    own = columns or (Column("status", Text),)
    return Table(name, MetaData(), Column("order_id", Uuid, primary_key=True), *own)


class OrderList(ReadModel):
    table = table()

    @project(Order.Placed)
    def placed(self, event: Order.Placed) -> None:
        self.rows[event.originator_id] = {"status": "placed"}


system = System("shop", applications=[Orders], sagas=[Fulfil], read_models=[OrderList])
"""It works."""

__all__ = [name for name in dir() if not name.startswith("_")]
