"""Money of guests: an amount is authorised on a card, changed, and reversed."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.restaurant.commands import Authorise, ChangeAmount, Reverse


class Declined(Exception):
    """The card does not bear the amount."""


class Authorisation(Aggregate):
    class Given(Aggregate.Created):
        order_id: str
        card: str
        amount: int

    class Declined(Aggregate.Event):
        reason: str

    class Changed(Aggregate.Event):
        amount: int

    class ChangeDeclined(Aggregate.Event):
        reason: str

    class Reversed(Aggregate.Event):
        pass

    @staticmethod
    def create_id(order_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"authorisation {order_id}")

    @event(Given)
    def __init__(self, order_id: str, card: str, amount: int) -> None:
        self.card, self.amount = card, amount

    def change(self, amount: int) -> None:
        must_bear(self.card, amount)
        self._change(amount)

    @event(Changed)
    def _change(self, amount: int) -> None:
        self.amount = amount

    @event(Reversed)
    def reverse(self) -> None:
        self.amount = 0


def must_bear(card: str, amount: int) -> None:
    limit = int(card.removeprefix("card "))
    if amount > limit:
        raise Declined(f"{amount} is more than {limit}")


class Accounting(Application, aggregates=[Authorisation]):
    def authorisation(self, order_id: str) -> Authorisation:
        found: Authorisation = self.repository.get(Authorisation.create_id(order_id))
        return found

    @handles(Authorise, refuses={Declined: Authorisation.Declined})
    def authorise(self, command: Authorise) -> Authorisation:
        must_bear(command.card, command.amount)
        return Authorisation(command.order_id, command.card, command.amount)

    @handles(ChangeAmount, refuses={Declined: Authorisation.ChangeDeclined})
    def change(self, command: ChangeAmount) -> None:
        self.authorisation(command.order_id).change(command.amount)

    @handles(Reverse, refuses={AggregateNotFoundError: Authorisation.Reversed})
    def reverse(self, command: Reverse) -> None:
        self.authorisation(command.order_id).reverse()
