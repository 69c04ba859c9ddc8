"""Orders of guests. While a saga works on one its status says so, and it takes no other wish."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.restaurant.commands import (
    ApproveOrder,
    BeginCancellation,
    BeginRevision,
    ConfirmCancellation,
    ConfirmRevision,
    DropCancellation,
    DropRevision,
    PlaceOrder,
    RejectOrder,
    WantCancellation,
    WantRevision,
)


class OrderClosed(Exception):
    """The order is rejected or cancelled."""


class Order(Aggregate):
    class Placed(Aggregate.Created):
        order_id: str
        dishes: tuple[str, ...]
        town: str
        card: str

    class Approved(Aggregate.Event):
        pass

    class Rejected(Aggregate.Event):
        reason: str

    class RevisionWanted(Aggregate.Event):
        order_id: str
        dishes: tuple[str, ...]

    class RevisionBegun(Aggregate.Event):
        former: tuple[str, ...]

    class RevisionRefused(Aggregate.Event):
        reason: str

    class RevisionDropped(Aggregate.Event):
        pass

    class Revised(Aggregate.Event):
        dishes: tuple[str, ...]

    class CancellationWanted(Aggregate.Event):
        order_id: str

    class CancellationBegun(Aggregate.Event):
        pass

    class CancellationRefused(Aggregate.Event):
        reason: str

    class CancellationDropped(Aggregate.Event):
        pass

    class Cancelled(Aggregate.Event):
        pass

    @staticmethod
    def create_id(order_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"order {order_id}")

    @event(Placed)
    def __init__(self, order_id: str, dishes: tuple[str, ...], town: str, card: str) -> None:
        self.order_id = order_id
        self.dishes = dishes
        self.status = "pending"

    @event(Approved)
    def approve(self) -> None:
        self.status = "approved"

    @event(Rejected)
    def reject(self, reason: str) -> None:
        self.status = "rejected"

    @event(RevisionWanted)
    def want_revision(self, order_id: str, dishes: tuple[str, ...]) -> None:
        pass

    @event(CancellationWanted)
    def want_cancellation(self, order_id: str) -> None:
        pass

    def begin_revision(self) -> None:
        self._must_be_approved()
        self._begin_revision(self.dishes)

    @event(RevisionBegun)
    def _begin_revision(self, former: tuple[str, ...]) -> None:
        self.status = "revision pending"

    @event(RevisionDropped)
    def drop_revision(self) -> None:
        if self.status == "revision pending":
            self.status = "approved"

    @event(Revised)
    def revise(self, dishes: tuple[str, ...]) -> None:
        self.status, self.dishes = "approved", dishes

    def begin_cancellation(self) -> None:
        self._must_be_approved()
        self._begin_cancellation()

    @event(CancellationBegun)
    def _begin_cancellation(self) -> None:
        self.status = "cancellation pending"

    @event(CancellationDropped)
    def drop_cancellation(self) -> None:
        if self.status == "cancellation pending":
            self.status = "approved"

    @event(Cancelled)
    def cancel(self) -> None:
        self.status = "cancelled"

    def _must_be_approved(self) -> None:
        if self.status != "approved":
            raise OrderClosed(f"the order is {self.status}")


class Orders(Application, aggregates=[Order]):
    def order(self, order_id: str) -> Order:
        found: Order = self.repository.get(Order.create_id(order_id))
        return found

    @handles(PlaceOrder)
    def place(self, command: PlaceOrder) -> Order:
        return Order(command.order_id, command.dishes, command.town, command.card)

    @handles(WantRevision)
    def want_revision(self, command: WantRevision) -> None:
        self.order(command.order_id).want_revision(command.order_id, command.dishes)

    @handles(WantCancellation)
    def want_cancellation(self, command: WantCancellation) -> None:
        self.order(command.order_id).want_cancellation(command.order_id)

    @handles(ApproveOrder)
    def approve(self, command: ApproveOrder) -> None:
        self.order(command.order_id).approve()

    @handles(RejectOrder)
    def reject(self, command: RejectOrder) -> None:
        self.order(command.order_id).reject(command.reason)

    @handles(BeginRevision, refuses={OrderClosed: Order.RevisionRefused})
    def begin_revision(self, command: BeginRevision) -> None:
        self.order(command.order_id).begin_revision()

    @handles(DropRevision)
    def drop_revision(self, command: DropRevision) -> None:
        self.order(command.order_id).drop_revision()

    @handles(ConfirmRevision)
    def confirm_revision(self, command: ConfirmRevision) -> None:
        self.order(command.order_id).revise(command.dishes)

    @handles(BeginCancellation, refuses={OrderClosed: Order.CancellationRefused})
    def begin_cancellation(self, command: BeginCancellation) -> None:
        self.order(command.order_id).begin_cancellation()

    @handles(DropCancellation)
    def drop_cancellation(self, command: DropCancellation) -> None:
        self.order(command.order_id).drop_cancellation()

    @handles(ConfirmCancellation)
    def confirm_cancellation(self, command: ConfirmCancellation) -> None:
        self.order(command.order_id).cancel()
