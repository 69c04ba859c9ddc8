"""Inventory: the stock of each SKU, and the reservations of orders."""

from collections.abc import Iterable, Sequence
from typing import ClassVar
from uuid import UUID

from application.commands import DispatchStock, ReceiveStock, ReleaseStock, ReserveStock
from domain.reservation import Reservation, ReservedLine
from domain.reservation import Status as ReservationStatus
from domain.stock import Stock
from sagaline import Application, handles


def _aggregates_of(command: ReserveStock) -> Iterable[UUID]:
    yield Reservation.id_of(command.order_id)
    for line in command.lines:
        yield Stock.id_of(line.sku)


class Inventory(Application, aggregates=[Stock, Reservation]):
    """Receives, reserves, releases and dispatches stock: all lines of an order, or none."""

    # A cold start applies a hundred events of a SKU on average, however often it is sold.
    snapshotting_intervals: ClassVar = {Stock: 200}

    @handles(ReceiveStock, loads=lambda command: [Stock.id_of(command.sku)])
    def receive(self, command: ReceiveStock) -> Stock:
        """Adds a quantity to the stock; an unknown SKU is known from now on."""
        (known,) = self.repository.find(Stock, [Stock.id_of(command.sku)])
        stock = known or Stock(sku=command.sku)
        stock.receive(command.quantity)
        return stock

    @handles(ReserveStock, loads=_aggregates_of)
    def reserve(self, command: ReserveStock) -> Sequence[Stock | Reservation]:
        """Reserves all lines of an order, or refuses it with the first reason."""
        if self._reservation(command.order_id) is not None:
            return ()
        ids = [Stock.id_of(line.sku) for line in command.lines]
        wanted = list(zip(self.repository.find(Stock, ids), command.lines, strict=True))
        for stock, line in wanted:
            reason = _shortage(stock, line)
            if reason is not None:
                return (Reservation.refuse(command.order_id, reason),)
        stocks = [stock for stock, _ in wanted if stock is not None]
        for stock, line in zip(stocks, command.lines, strict=True):
            stock.reserve(command.order_id, line.quantity)
        return (*stocks, Reservation.make(command.order_id, command.lines, command.terms))

    @handles(ReleaseStock, loads=lambda command: [Reservation.id_of(command.order_id)])
    def release(self, command: ReleaseStock) -> Sequence[Stock | Reservation]:
        """Releases a reservation; where there is none, refuses it first and releases nothing."""
        reservation = self._reservation(command.order_id)
        if reservation is None:
            reservation = Reservation.refuse(command.order_id, "given back before it was made")
        if reservation.status is ReservationStatus.RELEASED:
            return ()
        stocks = self._stocks(reservation)
        for stock in stocks:
            stock.release(command.order_id)
        reservation.release(command.because)
        return (*stocks, reservation)

    @handles(DispatchStock, loads=lambda command: [Reservation.id_of(command.order_id)])
    def dispatch(self, command: DispatchStock) -> Sequence[Stock | Reservation]:
        """Dispatches the reserved stock."""
        reservation: Reservation = self.repository.get(Reservation.id_of(command.order_id))
        if reservation.status is ReservationStatus.DISPATCHED:
            return ()
        stocks = self._stocks(reservation)
        for stock in stocks:
            stock.dispatch(command.order_id)
        reservation.dispatch()
        return (*stocks, reservation)

    def _reservation(self, order_id: UUID) -> Reservation | None:
        (found,) = self.repository.find(Reservation, [Reservation.id_of(order_id)])
        return found

    def _stocks(self, reservation: Reservation) -> list[Stock]:
        if reservation.status is not ReservationStatus.MADE:
            return []
        ids = [Stock.id_of(line.sku) for line in reservation.lines]
        return [each for each in self.repository.find(Stock, ids) if each is not None]


def _shortage(stock: Stock | None, line: ReservedLine) -> str | None:
    if stock is None:
        return f"unknown SKU {line.sku}"
    if stock.available < line.quantity:
        return f"not enough {line.sku}: {line.quantity} wanted, {stock.available} available"
    return None
