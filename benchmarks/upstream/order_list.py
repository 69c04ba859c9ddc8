"""The read table: one row per order, written in the transaction that tracks its event."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import ProcessRecorder, StoredEvent, Tracking
from eventsourcing_sqlalchemy.recorders import SQLAlchemyProcessRecorder
from sqlalchemy import Executable, bindparam, insert, update
from typing_extensions import override

from benchmarks.upstream.participant import Happened, Participant, Processing
from domain.order import Order
from projections.tables import order_list

_ADD = insert(order_list)
_CLOSE = (
    update(order_list)
    .where(order_list.c.order_id == bindparam("of"))
    .values({name: bindparam(name) for name in ("status", "reason", "updated_at")})
)


class OrderListRecorder(SQLAlchemyProcessRecorder):
    """Writes a row beside the position, and no events, for which it would have to lock a table."""

    @override
    def create_table(self) -> None:
        """The position's table, and the read table."""
        super().create_table()
        assert self.datastore.engine is not None
        order_list.create(self.datastore.engine, checkfirst=True)

    @override
    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        tracking: Tracking | None = None,
        statement: Executable | None = None,
        row: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """Records one row and one position, in one transaction."""
        with self.transaction(commit=True) as session:
            if statement is not None:
                session.connection().execute(statement, row)
            if tracking is not None:
                self._insert_tracking(session, tracking)
        return None


class OrderList(Participant):
    """Which orders are there, and how does each stand?"""

    hears = (Order.Placed, Order.Completed, Order.Cancelled)

    @override
    def construct_recorder(self) -> ProcessRecorder:
        """A recorder that keeps the rows too."""
        self.factory.process_recorder_class = OrderListRecorder  # type: ignore[attr-defined]
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
        processing_event.collect_events(statement=_ADD, row=row)

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
        processing_event.collect_events(statement=_CLOSE, row=row)
