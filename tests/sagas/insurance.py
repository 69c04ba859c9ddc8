"""An order that one saga fulfils and another insures: both take money, and hear the same events."""

from uuid import UUID

from eventsourcing.domain import Aggregate, event

from sagaline import (
    PIVOT,
    Application,
    Command,
    Saga,
    System,
    handles,
    minutes,
    on_compensated,
    step,
)


class Order(Aggregate):
    class Placed(Aggregate.Created):
        pass

    class Sent(Aggregate.Event):
        pass

    class Insured(Aggregate.Event):
        pass

    class Closed(Aggregate.Event):
        pass

    @event(Placed)
    def __init__(self, id: UUID) -> None:
        pass


class Account(Aggregate):
    class Taken(Aggregate.Event):
        pass

    class Refused(Aggregate.Event):
        reason: str

    class Returned(Aggregate.Event):
        pass


class OrderCommand(Command, key="order_id"):
    order_id: UUID


class Take(OrderCommand):
    what: str


class GiveBack(OrderCommand):
    pass


class Send(OrderCommand):
    pass


class InsureOrder(OrderCommand):
    pass


class Close(OrderCommand):
    pass


class Shop(Application, aggregates=[Order, Account]):
    """Never runs: simulated participants take its place."""

    @handles(Take)
    def take(self, command: Take) -> None: ...

    @handles(GiveBack)
    def give_back(self, command: GiveBack) -> None: ...

    @handles(Send)
    def send(self, command: Send) -> None: ...

    @handles(InsureOrder)
    def insure(self, command: InsureOrder) -> None: ...

    @handles(Close)
    def close_order(self, command: Close) -> None: ...


class Fulfil(Saga, starts_on=Order.Placed, key=lambda placed: placed.originator_id):
    """Takes the price, and sends the goods."""

    @step(done=Account.Taken, refused=Account.Refused)
    def take(self) -> Take:
        return Take(order_id=self.key, what="goods")

    give_back = take.undo(GiveBack, done=Account.Returned)
    send = step(Send, done=Order.Sent, kind=PIVOT)

    @on_compensated
    def close(self) -> Close:
        return Close(order_id=self.key)


class Insure(Saga, starts_on=Order.Placed, key=lambda placed: placed.originator_id):
    """Takes the premium, and insures the order."""

    @step(done=Account.Taken, refused=Account.Refused, within=minutes(5))
    def take(self) -> Take:
        return Take(order_id=self.key, what="insurance")

    give_back = take.undo(GiveBack, done=Account.Returned)
    insure = step(InsureOrder, done=Order.Insured, kind=PIVOT)


insured = System("insured", applications=[Shop], sagas=[Fulfil, Insure])
