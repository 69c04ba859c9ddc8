"""The ports of the shop: a payment gateway and a carrier.

Each request has an idempotency key: two requests with one key have one effect and one answer, also
after a restart of the shop, and also when two processes send them at once. A port answers many
requests in one call. Where it cannot answer one of them, it returns a `PortFault` in its place;
where it cannot answer at all, it raises. Then nobody knows whether the effect took place, and the
same request with the same key finds out. `tests/application/test_ports_contract.py` holds every
adapter to this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from domain.money import Money
from domain.order import ShipTo


class PortFault(Exception):
    """The port gave no answer; the effect may or may not have taken place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Captured:
    """The money was captured."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """No money was captured, and none will be with this key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The outcome is not known yet; `until` is when to send the request again."""

    until: datetime


@dataclass(frozen=True, slots=True)
class NeverTaken:
    """No money was captured, and none will be with this key, because it was settled first."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """The whole amount of a capture was refunded, once."""

    amount: Money


@dataclass(frozen=True, slots=True)
class RefundDeclined:
    """The money of a capture was not refunded."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingTaken:
    """There is nothing to refund, and a later capture with that key will capture nothing."""


@dataclass(frozen=True, slots=True)
class Booked:
    """The carrier accepted the shipment."""

    tracking_number: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """The carrier does not deliver to the address; nothing was booked."""

    reason: str


CaptureAnswer = Captured | Declined | Pending | PortFault
SettleAnswer = Captured | Declined | NeverTaken | Pending | PortFault
RefundAnswer = Refunded | RefundDeclined | NothingTaken | PortFault
BookingAnswer = Booked | Undeliverable | PortFault


class Capture(NamedTuple):
    """A request to capture money; the order id is how people find it on the gateway's side."""

    key: str
    order_id: UUID
    amount: Money
    method: str


class Refund(NamedTuple):
    """A request to refund the whole amount of a capture."""

    key: str
    capture_key: str


class Booking(NamedTuple):
    """A request to book a shipment."""

    key: str
    order_id: UUID
    to: ShipTo


class PaymentGateway(Protocol):
    """Captures money and refunds it; the answers are in the order of the requests."""

    def capture_all(self, captures: Sequence[Capture]) -> Sequence[CaptureAnswer]:
        """Captures money, once for each key.

        `Captured` and `Declined` are final. After `Pending` the same request finds the outcome
        from `until` on. A key that was used for another payment is a `PortFault`.
        """
        ...

    def settle_all(self, keys: Sequence[str]) -> Sequence[SettleAnswer]:
        """Returns the outcome of the captures with these keys, and makes it final.

        The undo of a payment whose outcome is unknown needs this. Money that was captured, or will
        be, is `Captured`, and can be refunded from then on. After `NeverTaken` every capture with
        the key is `Declined`, also one that was sent before and arrives later. `Pending` is only
        for a gateway that does not know the outcome itself.
        """
        ...

    def refund_all(self, refunds: Sequence[Refund]) -> Sequence[RefundAnswer]:
        """Refunds captures, each of them once, also where it is requested with several keys.

        `Refunded` is final. `RefundDeclined` has no effect, so the same request may have another
        answer later. Where nothing was captured the capture is settled first, so `NothingTaken`
        is final.
        """
        ...

    def close(self) -> None:
        """Closes what the adapter has open."""
        ...


class Carrier(Protocol):
    """Delivers shipments to customers; the answers are in the order of the requests."""

    def book_all(self, bookings: Sequence[Booking]) -> Sequence[BookingAnswer]:
        """Books shipments, once for each key; `Booked` and `Undeliverable` are final.

        A key that was used for another shipment is a `PortFault`.
        """
        ...

    def close(self) -> None:
        """Closes what the adapter has open."""
        ...
