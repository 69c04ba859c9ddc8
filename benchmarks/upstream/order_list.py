"""The read table: one row per order, written in the transaction that tracks its event."""

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import InfrastructureFactory, ProcessRecorder
from typing_extensions import override

from benchmarks.upstream.participant import Happened, Participant, Processing
from benchmarks.upstream.recorders import SQLAlchemyOrderList
from domain.order import Order


class OrderList(Participant):
    """Which orders are there, and how does each stand?"""

    hears = (Order.Placed, Order.Completed, Order.Cancelled)

    @override
    def construct_recorder(self) -> ProcessRecorder:
        """A recorder that keeps the rows too. The one for SQLAlchemy cannot be named outside."""
        if not self.env.get(InfrastructureFactory.PROCESS_RECORDER_TOPIC):
            self.factory.process_recorder_class = SQLAlchemyOrderList  # type: ignore[attr-defined]
        return super().construct_recorder()

    @override
    @singledispatchmethod
    def policy(self, domain_event: Happened, processing_event: Processing) -> None:
        """Makes a row, or changes it."""

    @policy.register
    def _(self, event: Order.Placed, processing_event: Processing) -> None:
        row = {
            "order_id": event.originator_id,
            "customer_id": event.customer_id,
            "status": "placed",
            "total": event.total.amount,
            "currency": event.total.currency,
            "item_count": sum(line.quantity for line in event.lines),
            "placed_at": event.timestamp,
            "updated_at": event.timestamp,
        }
        processing_event.collect_events(change="add", row=row)

    @policy.register
    def _(self, event: Order.Completed, processing_event: Processing) -> None:
        self._close(event, "completed", None, processing_event)

    @policy.register
    def _(self, event: Order.Cancelled, processing_event: Processing) -> None:
        self._close(event, "cancelled", event.reason, processing_event)

    def _close(
        self,
        event: Order.Completed | Order.Cancelled,
        status: str,
        reason: str | None,
        processing_event: Processing,
    ) -> None:
        row = {
            "of": event.originator_id,
            "status": status,
            "reason": reason,
            "updated_at": event.timestamp,
        }
        processing_event.collect_events(change="close", row=row)
