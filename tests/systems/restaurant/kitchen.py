"""Tickets of the kitchen, which cooks soup and pie, at most five dishes for an order."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.restaurant.commands import (
    CancelTicket,
    ChangeTicket,
    ConfirmTicket,
    CreateTicket,
    StartCooking,
)


class NotCooked(Exception):
    """The kitchen does not cook this, or not any more."""


class Ticket(Aggregate):
    class Created(Aggregate.Created):
        order_id: str
        dishes: tuple[str, ...]

    class Refused(Aggregate.Event):
        reason: str

    class Confirmed(Aggregate.Event):
        pass

    class Changed(Aggregate.Event):
        dishes: tuple[str, ...]

    class ChangeRefused(Aggregate.Event):
        reason: str

    class CookingStarted(Aggregate.Event):
        pass

    class Cancelled(Aggregate.Event):
        pass

    class CancellationRefused(Aggregate.Event):
        reason: str

    @staticmethod
    def create_id(order_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"ticket {order_id}")

    @event(Created)
    def __init__(self, order_id: str, dishes: tuple[str, ...]) -> None:
        self.dishes = dishes
        self.status = "created"

    @event(Confirmed)
    def confirm(self) -> None:
        self.status = "confirmed"

    def change(self, dishes: tuple[str, ...]) -> None:
        self._must_not_cook()
        must_be_cooked(dishes)
        self._change(dishes)

    @event(Changed)
    def _change(self, dishes: tuple[str, ...]) -> None:
        self.dishes = dishes

    @event(CookingStarted)
    def start_cooking(self) -> None:
        self.status = "cooking"

    def cancel(self) -> None:
        self._must_not_cook()
        self._cancel()

    @event(Cancelled)
    def _cancel(self) -> None:
        self.status = "cancelled"

    def _must_not_cook(self) -> None:
        if self.status == "cooking":
            raise NotCooked("it is being cooked")


def must_be_cooked(dishes: tuple[str, ...]) -> None:
    if len(dishes) > 5:
        raise NotCooked(f"{len(dishes)} dishes are too many")
    if unknown := set(dishes) - {"soup", "pie"}:
        raise NotCooked(f"there is no {min(unknown)}")


CANCEL_REFUSES = {
    NotCooked: Ticket.CancellationRefused,
    AggregateNotFoundError: Ticket.Cancelled,  # there is nothing to cancel
}


class Kitchen(Application, aggregates=[Ticket]):
    def ticket(self, order_id: str) -> Ticket:
        found: Ticket = self.repository.get(Ticket.create_id(order_id))
        return found

    @handles(CreateTicket, refuses={NotCooked: Ticket.Refused})
    def create(self, command: CreateTicket) -> Ticket:
        must_be_cooked(command.dishes)
        return Ticket(command.order_id, command.dishes)

    @handles(ConfirmTicket)
    def confirm(self, command: ConfirmTicket) -> None:
        self.ticket(command.order_id).confirm()

    @handles(ChangeTicket, refuses={NotCooked: Ticket.ChangeRefused})
    def change(self, command: ChangeTicket) -> None:
        self.ticket(command.order_id).change(command.dishes)

    @handles(StartCooking)
    def start_cooking(self, command: StartCooking) -> None:
        self.ticket(command.order_id).start_cooking()

    @handles(CancelTicket, refuses=CANCEL_REFUSES)
    def cancel(self, command: CancelTicket) -> None:
        self.ticket(command.order_id).cancel()
