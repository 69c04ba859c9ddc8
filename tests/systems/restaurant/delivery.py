"""Deliveries, which go to every town but the moon."""

from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError
from eventsourcing.domain import Aggregate, event

from sagaline import Application, handles
from tests.systems.restaurant.commands import CallOffDelivery, PlanDelivery


class TooFar(Exception):
    """Nobody delivers there."""


class Delivery(Aggregate):
    class Planned(Aggregate.Created):
        order_id: str
        town: str

    class Refused(Aggregate.Event):
        reason: str

    class CalledOff(Aggregate.Event):
        pass

    @staticmethod
    def create_id(order_id: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"delivery {order_id}")

    @event(Planned)
    def __init__(self, order_id: str, town: str) -> None:
        self.planned = True

    @event(CalledOff)
    def call_off(self) -> None:
        self.planned = False


class Deliveries(Application, aggregates=[Delivery]):
    def delivery(self, order_id: str) -> Delivery:
        found: Delivery = self.repository.get(Delivery.create_id(order_id))
        return found

    @handles(PlanDelivery, refuses={TooFar: Delivery.Refused})
    def plan(self, command: PlanDelivery) -> Delivery:
        if command.town == "moon":
            raise TooFar("nobody delivers to the moon")
        return Delivery(command.order_id, command.town)

    @handles(CallOffDelivery, refuses={AggregateNotFoundError: Delivery.CalledOff})
    def call_off(self, command: CallOffDelivery) -> None:
        self.delivery(command.order_id).call_off()
