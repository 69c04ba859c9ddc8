"""Made-up orders: three lines over a thousand articles, the same ones each time."""

from collections.abc import Iterable
from random import Random

from application.cli.fields import MAX_QUANTITY
from benchmarks.basket import SEED, Basket, Line, OrderIds, country, payment_method

LINES = 3
ARTICLES = 1_000
CUSTOMERS = 900
MOST = 3
"""Pieces of one article in one order."""


def made_orders(count: int, seed: int = SEED) -> list[Basket]:
    """So many orders; the first of them are the same however many are asked for."""
    random, ids = Random(seed), OrderIds(seed)
    return [_order(random, next(ids)) for _ in range(count)]


def articles() -> dict[str, int]:
    """As many pieces of each as can be received at once: enough for any number of orders."""
    return {_sku(article): MAX_QUANTITY for article in range(ARTICLES)}


def each_article(seed: int) -> list[Basket]:
    """As few orders as have each article in them."""
    random, ids = Random(seed), OrderIds(seed)
    some = [range(ARTICLES)[start : start + LINES] for start in range(0, ARTICLES, LINES)]
    return [_of(random, next(ids), each) for each in some]


def _order(random: Random, order_id: str) -> Basket:
    return _of(random, order_id, random.sample(range(ARTICLES), LINES))


def _of(random: Random, order_id: str, chosen: Iterable[int]) -> Basket:
    return Basket(
        order_id,
        str(random.randrange(CUSTOMERS)),
        tuple(_line(random, article) for article in chosen),
        payment_method(random),
        country(random),
    )


def _line(random: Random, article: int) -> Line:
    return Line(_sku(article), random.randint(1, MOST), f"{1 + article % 50}.99")


def _sku(article: int) -> str:
    return f"SKU-{article:04d}"
