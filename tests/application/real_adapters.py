"""A gateway and a carrier of the user's own."""

from collections.abc import Sequence

from application.ports import Booked, Booking, Capture, Captured, Refund, Refunded
from tests.application.participants import usd


class RealGateway:
    """A gateway of the user's own."""

    def capture_all(self, captures: Sequence[Capture]) -> list[Captured]:
        return [Captured(f"real {each.key}") for each in captures]

    def settle_all(self, keys: Sequence[str]) -> list[Captured]:
        return [Captured(f"real {each}") for each in keys]

    def refund_all(self, refunds: Sequence[Refund]) -> list[Refunded]:
        return [Refunded(usd("19.98")) for _ in refunds]

    def close(self) -> None: ...


class RealCarrier:
    """A carrier of the user's own."""

    def book_all(self, bookings: Sequence[Booking]) -> list[Booked]:
        return [Booked(f"real {each.key}") for each in bookings]

    def close(self) -> None: ...
