"""Shipping: hands orders to a carrier."""

from eventsourcing.utils import EnvType

from application.carrier import SimulatedCarrier
from application.commands import BookShipment
from application.ports import Booked, Carrier, Undeliverable
from domain.shipment import Shipment
from sagaline import Application, handles


class Shipping(Application, aggregates=[Shipment]):
    """Books one shipment for an order, at most."""

    def __init__(self, env: EnvType | None = None, carrier: Carrier | None = None) -> None:
        super().__init__(env)
        self._simulated = SimulatedCarrier(self.datastore.url)
        self.carrier: Carrier = carrier or self._simulated

    def close(self) -> None:
        """Lets the carrier's store go too."""
        self._simulated.close()
        super().close()

    @handles(BookShipment, loads=lambda command: [Shipment.id_of(command.order_id)])
    def book(self, command: BookShipment, answer: Booked | Undeliverable) -> Shipment | None:
        """Records what the carrier said."""
        (known,) = self.repository.find(Shipment, [Shipment.id_of(command.order_id)])
        if known is not None:
            return None
        if isinstance(answer, Booked):
            return Shipment.book(command.order_id, answer.tracking_number)
        return Shipment.refuse(command.order_id, answer.reason)

    @book.asks
    def ask_carrier(self, command: BookShipment) -> Booked | Undeliverable:
        """Asks the carrier to take the order; the same order is the same shipment."""
        key = str(Shipment.id_of(command.order_id))
        return self.carrier.book(key, command.order_id, command.ship_to)
