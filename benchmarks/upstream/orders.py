"""Orders: places them, and ends them."""

from eventsourcing.dispatch import singledispatchmethod
from typing_extensions import override

from application.commands import PlaceOrder
from benchmarks.upstream.fulfilment import Fulfilment
from benchmarks.upstream.participant import Happened, Participant, Processing
from domain.order import Order


class Orders(Participant):
    """Takes orders, and ends them when the saga says so."""

    hears = (Fulfilment.CompletionWanted, Fulfilment.CancellationWanted)

    def place(self, command: PlaceOrder) -> None:
        """Places one order; with a runner in this thread, the rest happens before it returns."""
        order = Order(
            id=command.order_id,
            customer_id=command.customer_id,
            lines=command.lines,
            payment_method=command.payment_method,
            ship_to=command.ship_to,
        )
        self.save(order)

    @override
    @singledispatchmethod
    def policy(self, domain_event: Happened, processing_event: Processing) -> None:
        """Ends an order."""

    @policy.register
    def _(self, event: Fulfilment.CompletionWanted, processing_event: Processing) -> None:
        order: Order = self.repository.get(event.order_id)
        order.complete()
        processing_event.collect_events(order)

    @policy.register
    def _(self, event: Fulfilment.CancellationWanted, processing_event: Processing) -> None:
        order: Order = self.repository.get(event.order_id)
        order.cancel(event.reason)
        processing_event.collect_events(order)
