"""Ports with methods for single requests, which raise a `PortFault`."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from application.ports import (
    Booked,
    Booking,
    Capture,
    Captured,
    Carrier,
    Declined,
    NeverTaken,
    NothingTaken,
    PaymentGateway,
    Pending,
    PortFault,
    Refund,
    RefundDeclined,
    Refunded,
    Undeliverable,
)
from application.simulators.carrier import SimulatedCarrier
from application.simulators.gateway import SimulatedGateway
from domain.money import Money
from domain.order import ShipTo


class GatewayOneByOne(PaymentGateway, Protocol):
    """A gateway that takes single requests too."""

    def capture(
        self, key: str, order_id: UUID, amount: Money, method: str
    ) -> Captured | Declined | Pending:
        answer: Captured | Declined | Pending = _only(
            self.capture_all([Capture(key, order_id, amount, method)])
        )
        return answer

    def settle(self, key: str) -> Captured | Declined | NeverTaken | Pending:
        answer: Captured | Declined | NeverTaken | Pending = _only(self.settle_all([key]))
        return answer

    def refund(self, key: str, capture_key: str) -> Refunded | RefundDeclined | NothingTaken:
        answer: Refunded | RefundDeclined | NothingTaken = _only(
            self.refund_all([Refund(key, capture_key)])
        )
        return answer


class CarrierOneByOne(Carrier, Protocol):
    """A carrier that takes single requests too."""

    def book(self, key: str, order_id: UUID, to: ShipTo) -> Booked | Undeliverable:
        answer: Booked | Undeliverable = _only(self.book_all([Booking(key, order_id, to)]))
        return answer


class SingleGateway(SimulatedGateway, GatewayOneByOne):
    """The simulated gateway."""


class SingleCarrier(SimulatedCarrier, CarrierOneByOne):
    """The simulated carrier."""


def _only(answers: Sequence[Any]) -> Any:
    (answer,) = answers
    if isinstance(answer, PortFault):
        raise answer
    return answer
