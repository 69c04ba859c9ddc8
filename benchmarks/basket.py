"""What one customer buys at once: an order before it is placed."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from sagaline.messaging.ids import timed_id

SEED = 20_170_101
"""Everything that is drawn by chance is drawn the same way each time."""

MOST_ORDERS = 100_000
"""Orders that have one seed, at most."""

DECLINED = 0.10
UNDELIVERABLE = 0.05


@dataclass(frozen=True)
class Line:
    """So many pieces of one product at one price."""

    sku: str
    quantity: int
    unit_price: str


@dataclass(frozen=True)
class Basket:
    """What one household bought at once, and how the simulated world will answer to it."""

    order_id: str
    customer_id: str
    lines: tuple[Line, ...]
    payment_method: str
    country: str

    @property
    def ends_well(self) -> bool:
        """Whether it can be paid and delivered."""
        return self.payment_method == "pm_card_visa" and self.country == "US"

    def order(self) -> dict[str, Any]:
        """The basket as a line of `python -m application place`."""
        return {
            "order_id": self.order_id,
            "customer_id": self.customer_id,
            "currency": "USD",
            "lines": [vars(each) for each in self.lines],
            "payment_method": self.payment_method,
            "ship_to": {"country": self.country, "postcode": "45202"},
        }


class OrderIds:
    """Ids as `python -m application place` gives them to orders: the time first, then chance.

    The orders of one seed come a millisecond apart, and before those of all later seeds.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids of {seed}")
        self._time = seed * MOST_ORDERS

    def __next__(self) -> str:
        self._time += 1
        return str(timed_id(self._time, self._random.getrandbits(128)))


def stock_for(baskets: Iterable[Basket]) -> dict[str, int]:
    """Pieces of each product that all baskets together need."""
    needed: dict[str, int] = {}
    for basket in baskets:
        for line in basket.lines:
            needed[line.sku] = needed.get(line.sku, 0) + line.quantity
    return needed


def payment_method(random: Random) -> str:
    """A card, one in ten of which is declined."""
    if random.random() >= DECLINED:
        return "pm_card_visa"
    return random.choice(["pm_card_chargeDeclined", "pm_card_insufficientFunds"])


def country(random: Random) -> str:
    """Where it goes, which one time in twenty is nowhere."""
    return "ZZ" if random.random() < UNDELIVERABLE else "US"


def json_lines(objects: Iterable[object]) -> Iterator[str]:
    """Each object as one line of JSON."""
    return (json.dumps(each) + "\n" for each in objects)
