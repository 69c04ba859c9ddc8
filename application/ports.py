"""The outside world as the shop sees it: a payment gateway and a carrier.

Both are asked with an idempotency key: asking twice with one key is one effect and one answer,
also after a restart of the shop, and also when two processes ask at once. A port that cannot
answer raises: `PortFault`, or whatever the adapter meets. Then nobody knows whether the effect took
place, and asking again with the same key finds out. `tests/application/test_ports_contract.py`
holds every adapter to this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from domain.money import Money
from domain.order import ShipTo


class PortFault(Exception):
    """The outside world gave no answer; the effect may or may not have taken place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Captured:
    """The money was taken."""

    reference: str


@dataclass(frozen=True, slots=True)
class Declined:
    """No money was taken, nor will be with this key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer is still owed; `until` is when to ask again."""

    until: datetime


@dataclass(frozen=True, slots=True)
class NeverTaken:
    """No money was taken, nor will be with this key, because it was settled first."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """The money of a capture was given back, all of it and once."""

    amount: Money


@dataclass(frozen=True, slots=True)
class RefundDeclined:
    """The money of a capture was not given back."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingTaken:
    """There is no money to give back, nor will a later capture with that key take any."""


@dataclass(frozen=True, slots=True)
class Booked:
    """The carrier takes the shipment."""

    tracking_number: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """The carrier does not go there; nothing was booked."""

    reason: str


CaptureAnswer = Captured | Declined | Pending | PortFault
SettleAnswer = Captured | Declined | NeverTaken | Pending | PortFault
RefundAnswer = Refunded | RefundDeclined | NothingTaken | PortFault
BookingAnswer = Booked | Undeliverable | PortFault


class Capture(NamedTuple):
    """What a gateway is asked for when money is to be taken."""

    key: str
    order_id: UUID
    amount: Money
    method: str


class Refund(NamedTuple):
    """What a gateway is asked for when the money of a capture is to be given back."""

    key: str
    capture_key: str


class Booking(NamedTuple):
    """What a carrier is asked for when a shipment is to be booked."""

    key: str
    order_id: UUID
    to: ShipTo


class PaymentGateway(Protocol):
    """Takes money and gives it back."""

    def capture(
        self, key: str, order_id: UUID, amount: Money, method: str
    ) -> Captured | Declined | Pending:
        """Takes money, once for each key.

        `Captured` and `Declined` are final. After `Pending` the same question finds the answer
        from `until` on. A key that was used for another payment raises `PortFault`. The order id is
        for people: it is how a payment is found on the gateway's side.
        """
        ...

    def capture_all(self, captures: Sequence[Capture]) -> Sequence[CaptureAnswer]:
        """Takes money many times in one call: for each, in order, what `capture` would say.

        Where it would raise, the `PortFault` stands among the answers and touches no other.
        """
        ...

    def settle(self, key: str) -> Captured | Declined | NeverTaken | Pending:
        """Says what became of the capture with this key, and makes that its end.

        For the undo of a payment whose outcome is unknown. Money that was taken, or is on its way,
        is `Captured`, and can be refunded from then on. After `NeverTaken` no capture with this key
        takes money: it is `Declined`, also one that was sent before and arrives later. `Pending`
        is only for a gateway that does not know yet itself.
        """
        ...

    def settle_all(self, keys: Sequence[str]) -> Sequence[SettleAnswer]:
        """Settles many captures in one call: for each, in order, what `settle` would say.

        Where it would raise, the `PortFault` stands among the answers and touches no other.
        """
        ...

    def refund(self, key: str, capture_key: str) -> Refunded | RefundDeclined | NothingTaken:
        """Gives back all that a capture took, once, whatever the number of keys it is asked with.

        `Refunded` is final. `RefundDeclined` is no effect, so the same question may be answered
        otherwise later. Where nothing was taken the capture is settled first, so `NothingTaken`
        stays true.
        """
        ...

    def refund_all(self, refunds: Sequence[Refund]) -> Sequence[RefundAnswer]:
        """Gives back the money of many captures in one call: for each what `refund` would say.

        Where it would raise, the `PortFault` stands among the answers and touches no other.
        """
        ...


class Carrier(Protocol):
    """Brings shipments to customers."""

    def book(self, key: str, order_id: UUID, to: ShipTo) -> Booked | Undeliverable:
        """Books a shipment, once for each key; both answers are final.

        A key that was used for another shipment raises `PortFault`.
        """
        ...

    def book_all(self, bookings: Sequence[Booking]) -> Sequence[BookingAnswer]:
        """Books many shipments in one call: for each, in order, what `book` would say.

        Where it would raise, the `PortFault` stands among the answers and touches no other.
        """
        ...
