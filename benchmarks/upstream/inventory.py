"""Inventory: what is on the shelves, and what is set aside for whom."""

from collections.abc import Mapping

from eventsourcing.dispatch import singledispatchmethod
from typing_extensions import override

from benchmarks.upstream.fulfilment import Fulfilment
from benchmarks.upstream.participant import Happened, Participant, Processing
from domain.errors import NotEnoughStock
from domain.reservation import Reservation
from domain.stock import Stock


class Inventory(Participant):
    """Reserves all lines of an order or none."""

    hears = (Fulfilment.StockWanted, Fulfilment.ReleaseWanted, Fulfilment.DispatchWanted)

    def receive(self, pieces: Mapping[str, int]) -> None:
        """Takes pieces of new articles into stock."""
        stocks = [Stock(sku=sku) for sku in pieces]
        for stock in stocks:
            stock.receive(pieces[stock.sku])
        self.save(*stocks)

    @override
    @singledispatchmethod
    def policy(self, domain_event: Happened, processing_event: Processing) -> None:
        """Sets aside, gives back, sends off."""

    @policy.register
    def _(self, event: Fulfilment.StockWanted, processing_event: Processing) -> None:
        stocks = [self._stock(line.sku) for line in event.lines]
        try:
            for stock, line in zip(stocks, event.lines, strict=True):
                stock.reserve(event.order_id, line.quantity)
        except NotEnoughStock as short:
            processing_event.collect_events(Reservation.refuse(event.order_id, str(short)))
        else:
            made = Reservation.make(event.order_id, event.lines)
            processing_event.collect_events(*stocks, made)

    @policy.register
    def _(self, event: Fulfilment.ReleaseWanted, processing_event: Processing) -> None:
        reservation = self._reservation(event)
        stocks = [self._stock(line.sku) for line in reservation.lines]
        for stock in stocks:
            stock.release(event.order_id)
        reservation.release()
        processing_event.collect_events(*stocks, reservation)

    @policy.register
    def _(self, event: Fulfilment.DispatchWanted, processing_event: Processing) -> None:
        reservation = self._reservation(event)
        stocks = [self._stock(line.sku) for line in reservation.lines]
        for stock in stocks:
            stock.dispatch(event.order_id)
        reservation.dispatch()
        processing_event.collect_events(*stocks, reservation)

    def _stock(self, sku: str) -> Stock:
        stock: Stock = self.repository.get(Stock.id_of(sku))
        return stock

    def _reservation(self, event: Fulfilment.Wanted) -> Reservation:
        reservation: Reservation = self.repository.get(Reservation.id_of(event.order_id))
        return reservation
