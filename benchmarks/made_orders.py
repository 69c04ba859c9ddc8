"""Made-up orders: three lines over a thousand articles, the same ones each time."""

from random import Random
from uuid import UUID

from benchmarks.baskets import SEED, Basket, Line, country, payment_method

LINES = 3
ARTICLES = 1_000
CUSTOMERS = 900
MOST = 3
"""Pieces of one article in one order."""


def made_orders(count: int, seed: int = SEED) -> list[Basket]:
    """So many orders; the first of them are the same however many are asked for."""
    random = Random(seed)
    return [_order(random) for _ in range(count)]


def _order(random: Random) -> Basket:
    return Basket(
        str(UUID(int=random.getrandbits(128), version=4)),
        str(random.randrange(CUSTOMERS)),
        tuple(_line(random, article) for article in random.sample(range(ARTICLES), LINES)),
        payment_method(random),
        country(random),
    )


def _line(random: Random, article: int) -> Line:
    return Line(f"SKU-{article:04d}", random.randint(1, MOST), f"{1 + article % 50}.99")
