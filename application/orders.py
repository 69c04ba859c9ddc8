"""Orders: placed, then completed or cancelled."""

from application.commands import CancelOrder, CompleteOrder, PlaceOrder
from domain.errors import DomainError
from domain.order import Order, Status
from sagaline import Application, handles


class OrderAlreadyPlaced(DomainError):
    """The order {order_id} is placed already, by another command."""


class Orders(Application, aggregates=[Order]):
    """Places orders, and records the end of each."""

    @handles(PlaceOrder, loads=lambda command: [command.order_id])
    def place(self, command: PlaceOrder) -> Order:
        """Places an order, once."""
        (order,) = self.repository.find(Order, [command.order_id])
        if order is not None:
            raise OrderAlreadyPlaced(order_id=command.order_id)
        return Order(
            id=command.order_id,
            customer_id=command.customer_id,
            lines=command.lines,
            payment_method=command.payment_method,
            ship_to=command.ship_to,
        )

    @handles(CompleteOrder, loads=lambda command: [command.order_id])
    def complete(self, command: CompleteOrder) -> Order | None:
        """Completes an order that is paid and shipped."""
        order: Order = self.repository.get(command.order_id)
        if order.status is Status.COMPLETED:
            return None
        order.complete()
        return order

    @handles(CancelOrder, loads=lambda command: [command.order_id])
    def cancel(self, command: CancelOrder) -> Order | None:
        """Cancels an order whose steps have been undone."""
        order: Order = self.repository.get(command.order_id)
        if order.status is Status.CANCELLED:
            return None
        order.cancel(command.reason)
        return order
