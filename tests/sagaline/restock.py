"""A shop that orders goods each time one of them runs low: a saga that runs again for its key."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import (
    PIVOT,
    Application,
    Command,
    Retry,
    Runner,
    Saga,
    SetTimer,
    System,
    handles,
    minutes,
    on_completed,
    step,
)
from sagaline.saga.instance import Journal
from tests.sagaline.small_system import Clock, env

SKU = "tea"


class Shelf(Aggregate):
    class Named(Aggregate.Created):
        sku: str

    class RanLow(Aggregate.Event):
        sku: str
        supplier: str

    class Filled(Aggregate.Event):
        sku: str

    @event(Named)
    def __init__(self, sku: str) -> None: ...

    @staticmethod
    def create_id(sku: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"shelf of {sku}")


class Order(Aggregate):
    class Placed(Aggregate.Created):
        sku: str

    class Delivered(Aggregate.Event):
        sku: str

    class Cancelled(Aggregate.Event):
        sku: str

    @event(Placed)
    def __init__(self, sku: str) -> None: ...


class GoodsCommand(Command, key="sku"):
    sku: str


class ReportLow(GoodsCommand):
    supplier: str = "quick"


class FillShelf(GoodsCommand): ...


class OrderGoods(GoodsCommand):
    supplier: str


class CancelGoods(GoodsCommand): ...


class Deliver(GoodsCommand): ...


class TellBuyer(GoodsCommand): ...


class Shelves(Application, aggregates=[Shelf]):
    @handles(ReportLow)
    def report(self, command: ReportLow) -> Shelf:
        (known,) = self.repository.find(Shelf, [Shelf.create_id(command.sku)])
        shelf: Shelf = known or Shelf(command.sku)
        shelf.trigger_event(Shelf.RanLow, sku=command.sku, supplier=command.supplier)
        return shelf

    @handles(FillShelf)
    def fill(self, command: FillShelf) -> Shelf:
        shelf: Shelf = self.repository.get(Shelf.create_id(command.sku))
        shelf.trigger_event(Shelf.Filled, sku=command.sku)
        return shelf


class Suppliers(Application, aggregates=[Order]):
    """A quick one delivers at once, a slow one after an hour, a bad one never."""

    @handles(OrderGoods)
    def order(self, command: OrderGoods) -> Order | None:
        if command.supplier == "slow":
            later = Deliver(sku=command.sku)
            self.set_timer(SetTimer(f"{command.id}", timedelta(hours=1), later))
        return self._delivered(command.sku) if command.supplier == "quick" else None

    @handles(Deliver)
    def deliver(self, command: Deliver) -> Order:
        return self._delivered(command.sku)

    @handles(CancelGoods)
    def cancel(self, command: CancelGoods) -> Order:
        order = Order(command.sku)
        order.trigger_event(Order.Cancelled, sku=command.sku)
        return order

    def _delivered(self, sku: str) -> Order:
        order = Order(sku)
        order.trigger_event(Order.Delivered, sku=sku)
        return order


class Buyers(Application):
    """Tells the buyer of goods, by a line that may be down."""

    line_is_down = False

    @handles(TellBuyer)
    def tell(self, command: TellBuyer, answer: None) -> None: ...

    @tell.asks
    def call(self, command: TellBuyer) -> None:
        if self.line_is_down:
            raise ConnectionError("the line is down")


class Restock(Saga, starts_on=Shelf.RanLow, key=lambda event: event.sku, again=True):
    """Orders goods and fills the shelf, once for each time that it ran low."""

    @step(done=Order.Delivered, within=minutes(10))
    def order_goods(self) -> OrderGoods:
        return OrderGoods(sku=self.key, supplier=self[Shelf.RanLow].supplier)

    cancel_goods = order_goods.undo(CancelGoods, done=Order.Cancelled)
    fill_shelf = step(FillShelf, done=Shelf.Filled, kind=PIVOT)

    @on_completed(retry=Retry(5, first=minutes(1)))
    def tell_buyer(self) -> TellBuyer:
        return TellBuyer(sku=self.key)


system = System("restock", applications=[Shelves, Suppliers, Buyers], sagas=[Restock])


class Shop:
    """The system on a store, with a clock that the test turns."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.runner = runner
        self.clock = clock

    def run_low(self, supplier: str = "quick", sku: str = SKU) -> None:
        self.runner.get(Shelves).execute([ReportLow(sku=sku, supplier=supplier)])
        self.settle()

    def pass_time(self, minutes: float) -> None:
        self.clock.turn(timedelta(minutes=minutes))
        self.settle()

    def settle(self) -> None:
        self.runner.settle(horizon=0)

    def run(self, number: int, sku: str = SKU) -> Journal:
        """One run of a key, as it is in the log."""
        found = {each.run: each for each in self.runs(sku)}
        return found[number]

    def runs(self, sku: str = SKU) -> list[Journal]:
        """The runs of a key, in the order of their start."""
        process: Any = self.runner.apps["Restock"]
        mapper, recorder = process.mapper, process.recorder
        events = [mapper.to_domain_event(row) for row in recorder.page(0, 10_000).rows]
        ids = [each.originator_id for each in events if isinstance(each, Journal.Started)]
        found = [process.repository.get(each) for each in ids]
        return [each for each in found if each.key == sku]


@contextmanager
def shop_on(url: str, clock: Clock | None = None) -> Iterator[Shop]:
    clock = clock or Clock()
    with Runner(system, env(url), now=clock) as runner:
        yield Shop(runner, clock)
