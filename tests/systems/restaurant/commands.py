"""What the contexts of the restaurant are asked for; every command is about one order."""

from sagaline import Command


class OrderCommand(Command, key="order_id"):
    order_id: str


class PlaceOrder(OrderCommand):
    dishes: tuple[str, ...]
    town: str
    card: str


class WantRevision(OrderCommand):
    """A guest wants other dishes."""

    dishes: tuple[str, ...]


class WantCancellation(OrderCommand):
    """A guest does not want the order any more."""


class ApproveOrder(OrderCommand):
    pass


class RejectOrder(OrderCommand):
    reason: str


class BeginRevision(OrderCommand):
    pass


class DropRevision(OrderCommand):
    pass


class ConfirmRevision(OrderCommand):
    dishes: tuple[str, ...]


class BeginCancellation(OrderCommand):
    pass


class DropCancellation(OrderCommand):
    pass


class ConfirmCancellation(OrderCommand):
    pass


class CreateTicket(OrderCommand):
    dishes: tuple[str, ...]


class ChangeTicket(OrderCommand):
    """The ticket has these dishes from now on."""

    dishes: tuple[str, ...]


class ConfirmTicket(OrderCommand):
    pass


class CancelTicket(OrderCommand):
    pass


class StartCooking(OrderCommand):
    """The cook does."""


class Authorise(OrderCommand):
    card: str
    amount: int


class ChangeAmount(OrderCommand):
    amount: int


class Reverse(OrderCommand):
    pass


class PlanDelivery(OrderCommand):
    town: str


class CallOffDelivery(OrderCommand):
    pass
