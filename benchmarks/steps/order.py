"""An order as a saga carries it about."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from application.simulators.capture_record import DECLINED
from application.simulators.carrier import NOWHERE


@dataclass
class Order:
    """What is ordered, and how the outside world will answer.

    Of each line it has the SKU and the pieces, sorted, so that no two orders wait crosswise.
    """

    order_id: str
    customer_id: str
    lines: list[list[str | int]]
    amount: str
    payment_method: str
    country: str

    @classmethod
    def read(cls, line: str) -> Self:
        """An order as `python -m application place` reads it."""
        fields = json.loads(line)
        prices = (Decimal(each["unit_price"]) * each["quantity"] for each in fields["lines"])
        return cls(
            fields["order_id"],
            fields["customer_id"],
            sorted([each["sku"], each["quantity"]] for each in fields["lines"]),
            str(sum(prices, Decimal(0))),
            fields["payment_method"],
            fields["ship_to"]["country"],
        )

    @property
    def refused_payment(self) -> str | None:
        """Why the card is declined, if it is."""
        return DECLINED.get(self.payment_method)

    @property
    def refused_shipment(self) -> str | None:
        """Why the carrier does not go there, if it does not."""
        return "undeliverable address" if self.country == NOWHERE else None


def stock_for(orders: Iterable[Order]) -> dict[str, int]:
    """Pieces of each article that all orders together need."""
    needed: dict[str, int] = {}
    for order in orders:
        for sku, pieces in order.lines:
            needed[str(sku)] = needed.get(str(sku), 0) + int(pieces)
    return needed
