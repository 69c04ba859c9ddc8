"""Shipping: books shipments with a carrier."""

from collections.abc import Sequence

from eventsourcing.utils import EnvType

from application import adapters
from application.commands import BookShipment
from application.ports import Booked, Booking, BookingAnswer, Carrier, Undeliverable
from domain.shipment import Shipment
from sagaline import Application, handles


class Shipping(Application, aggregates=[Shipment]):
    """Books at most one shipment for each order."""

    def __init__(self, env: EnvType | None = None, carrier: Carrier | None = None) -> None:
        super().__init__(env)
        self.carrier: Carrier = carrier or adapters.carrier(self.datastore)

    def close(self) -> None:
        """Closes the carrier too."""
        self.carrier.close()
        super().close()

    @handles(BookShipment, loads=lambda command: [Shipment.id_of(command.order_id)])
    def book(self, command: BookShipment, answer: Booked | Undeliverable) -> Shipment | None:
        """Records the carrier's answer."""
        (known,) = self.repository.find(Shipment, [Shipment.id_of(command.order_id)])
        if known is not None:
            return None
        if isinstance(answer, Booked):
            return Shipment.book(command.order_id, answer.tracking_number)
        return Shipment.refuse(command.order_id, answer.reason)

    @book.asks_all
    def ask_carrier(self, commands: Sequence[BookShipment]) -> Sequence[BookingAnswer]:
        """Books shipments with the carrier; the same order is the same shipment."""
        return self.carrier.book_all(
            [
                Booking(str(Shipment.id_of(each.order_id)), each.order_id, each.ship_to)
                for each in commands
            ]
        )
