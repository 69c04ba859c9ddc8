"""The three sagas of an order: it is created, revised and cancelled, one at a time."""

from typing import Any

from sagaline import PIVOT, RETRIABLE, Saga, locks, minutes, on_compensated, step
from tests.systems.restaurant.accounting import Authorisation
from tests.systems.restaurant.commands import (
    ApproveOrder,
    Authorise,
    BeginCancellation,
    BeginRevision,
    CallOffDelivery,
    CancelTicket,
    ChangeAmount,
    ChangeTicket,
    ConfirmCancellation,
    ConfirmRevision,
    ConfirmTicket,
    CreateTicket,
    DropCancellation,
    DropRevision,
    PlanDelivery,
    RejectOrder,
    Reverse,
)
from tests.systems.restaurant.delivery import Delivery
from tests.systems.restaurant.kitchen import Ticket
from tests.systems.restaurant.orders import Order

PRICE = 10
"""Of every dish."""


def order_id(event: Any) -> str:
    found: str = event.order_id
    return found


class CreateOrder(Saga, starts_on=Order.Placed, key=order_id):
    """From placed to approved, or rejected."""

    @locks
    def order(self) -> list[str]:
        return [f"order:{self.key}"]

    @step(done=Ticket.Created, refused=Ticket.Refused, within=minutes(5))
    def create_ticket(self) -> CreateTicket:
        return CreateTicket(order_id=self.key, dishes=self[Order.Placed].dishes)

    cancel_ticket = create_ticket.undo(CancelTicket, done=Ticket.Cancelled)

    @step(done=Authorisation.Given, refused=Authorisation.Declined, within=minutes(5))
    def authorise(self) -> Authorise:
        placed = self[Order.Placed]
        return Authorise(order_id=self.key, card=placed.card, amount=PRICE * len(placed.dishes))

    reverse = authorise.undo(Reverse, done=Authorisation.Reversed)

    @step(done=Delivery.Planned, refused=Delivery.Refused, within=minutes(5))
    def plan_delivery(self) -> PlanDelivery:
        return PlanDelivery(order_id=self.key, town=self[Order.Placed].town)

    call_off = plan_delivery.undo(CallOffDelivery, done=Delivery.CalledOff)

    confirm_ticket = step(ConfirmTicket, done=Ticket.Confirmed, kind=PIVOT)
    approve = step(ApproveOrder, done=Order.Approved, kind=RETRIABLE)

    @on_compensated
    def reject(self) -> RejectOrder:
        return RejectOrder(order_id=self.key, reason=self.reason)


class ReviseOrder(Saga, starts_on=Order.RevisionWanted, key=order_id, again=True):
    """Other dishes, or those of before; as often as the guest likes."""

    @locks
    def order(self) -> list[str]:
        return [f"order:{self.key}"]

    begin = step(BeginRevision, done=Order.RevisionBegun, refused=Order.RevisionRefused)
    drop = begin.undo(DropRevision, done=Order.RevisionDropped)

    @step(done=Ticket.Changed, refused=Ticket.ChangeRefused, within=minutes(5))
    def change_ticket(self) -> ChangeTicket:
        return ChangeTicket(order_id=self.key, dishes=self[Order.RevisionWanted].dishes)

    @change_ticket.undo(done=Ticket.Changed)
    def change_ticket_back(self) -> ChangeTicket:
        return ChangeTicket(order_id=self.key, dishes=self[Order.RevisionBegun].former)

    @step(done=Authorisation.Changed, refused=Authorisation.ChangeDeclined, kind=PIVOT)
    def change_amount(self) -> ChangeAmount:
        dishes = self[Order.RevisionWanted].dishes
        return ChangeAmount(order_id=self.key, amount=PRICE * len(dishes))

    @step(done=Order.Revised, kind=RETRIABLE)
    def confirm(self) -> ConfirmRevision:
        return ConfirmRevision(order_id=self.key, dishes=self[Order.RevisionWanted].dishes)


class CancelOrder(Saga, starts_on=Order.CancellationWanted, key=order_id, again=True):
    """As long as it is not cooked; a guest may try again."""

    @locks
    def order(self) -> list[str]:
        return [f"order:{self.key}"]

    begin = step(BeginCancellation, done=Order.CancellationBegun, refused=Order.CancellationRefused)
    drop = begin.undo(DropCancellation, done=Order.CancellationDropped)

    cancel_ticket = step(
        CancelTicket, done=Ticket.Cancelled, refused=Ticket.CancellationRefused, kind=PIVOT
    )
    reverse = step(Reverse, done=Authorisation.Reversed, kind=RETRIABLE)
    call_off = step(CallOffDelivery, done=Delivery.CalledOff, kind=RETRIABLE)
    confirm = step(ConfirmCancellation, done=Order.Cancelled, kind=RETRIABLE)
