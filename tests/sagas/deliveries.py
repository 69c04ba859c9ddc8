"""Goods that are sent whichever way they were sold: a saga with several starts."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    COMPENSATABLE,
    PIVOT,
    Application,
    Command,
    Saga,
    ScheduledStart,
    System,
    handles,
    query,
    schedule,
    step,
)


class Order(Aggregate):
    """Goods that were ordered in the shop."""

    class Placed(Aggregate.Created):
        number: str
        town: str

    @staticmethod
    def create_id(number: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"order {number}")

    @event(Placed)
    def __init__(self, number: str, town: str) -> None: ...


class Sale(Aggregate):
    """Goods that another company's market place has sold."""

    class Reported(Aggregate.Created):
        number: str
        country: str

    @staticmethod
    def create_id(number: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"sale {number}")

    @event(Reported)
    def __init__(self, number: str, country: str) -> None: ...


class Parcel(Aggregate):
    class Packed(Aggregate.Created):
        number: str

    class Unpacked(Aggregate.Event):
        pass

    class Sent(Aggregate.Event):
        to: str

    @staticmethod
    def create_id(number: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"parcel {number}")

    @event(Packed)
    def __init__(self, number: str) -> None: ...

    @event(Unpacked)
    def unpack(self) -> None: ...

    @event(Sent)
    def send(self, to: str) -> None: ...


class PlaceOrder(Command, key="number"):
    number: str
    town: str


class ReportSale(Command, key="number"):
    number: str
    country: str


class SendByHand(Command, key="number"):
    """Starts a delivery without an order."""

    number: str
    to: str


class Pack(Command, key="number"):
    number: str


class Unpack(Command, key="number"):
    number: str


class Send(Command, key="number"):
    number: str
    to: str


class Shop(Application, aggregates=[Order]):
    @handles(PlaceOrder)
    def place(self, command: PlaceOrder) -> Order:
        return Order(command.number, command.town)


class Market(Application, aggregates=[Sale]):
    @handles(ReportSale)
    def report(self, command: ReportSale) -> Sale:
        return Sale(command.number, command.country)


class Depot(Application, aggregates=[Parcel]):
    @handles(Pack)
    def pack(self, command: Pack) -> Parcel:
        return Parcel(command.number)

    @handles(Unpack)
    def unpack(self, command: Unpack) -> Parcel:
        parcel: Parcel = self.repository.get(Parcel.create_id(command.number))
        parcel.unpack()
        return parcel

    @handles(Send)
    def send(self, command: Send) -> Parcel:
        parcel: Parcel = self.repository.get(Parcel.create_id(command.number))
        parcel.send(command.to)
        return parcel


def number_of(start: Order.Placed | Sale.Reported | SendByHand) -> str:
    return start.number


class Deliver(Saga, starts_on=(Order.Placed, Sale.Reported, SendByHand), key=number_of):
    """Goods go to whom they were sold, in whichever way."""

    pack = step(Pack, done=Parcel.Packed, kind=COMPENSATABLE)
    unpack = pack.undo(Unpack, done=Parcel.Unpacked)

    @step(done=Parcel.Sent, kind=PIVOT)
    def send(self) -> Send:
        return Send(number=self.key, to=self.to())

    @query
    def to(self) -> str:
        if Order.Placed in self:
            return self[Order.Placed].town
        return self[Sale.Reported].country if Sale.Reported in self else self[SendByHand].to


def number_or_date(start: Any) -> str:
    return start.key if isinstance(start, ScheduledStart) else start.number


class CountStock(
    Saga, starts_on=(schedule("0 2 * * *"), Order.Placed), key=number_or_date, begin="now"
):
    """Every night, and at each order."""

    pack = step(Pack, done=Parcel.Packed, kind=PIVOT)


deliveries = System("deliveries", applications=[Shop, Market, Depot], sagas=[Deliver])
