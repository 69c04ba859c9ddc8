"""The orders that a benchmark places, and the stock that they need."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from application.cli.json_lines import Accepted, read_orders
from application.commands import PlaceOrder
from benchmarks.basket import Basket, json_lines, stock_for
from benchmarks.made_orders import made_orders
from benchmarks.one_process.bursts import read_bursts, write_bursts
from benchmarks.process import WentWrong


@dataclass(frozen=True)
class Workload:
    """Orders in bursts: each burst is placed when all orders of the one before it have ended."""

    bursts: Sequence[Sequence[Basket]]

    @classmethod
    def made_up(cls, size: int, count: int = 1) -> "Workload":
        """Bursts of so many orders, of three lines each over a thousand articles."""
        return cls(_parted(made_orders(size * count), size))

    @classmethod
    def real(cls, size: int, count: int = 1) -> "Workload":
        """Bursts of real baskets, eleven lines each on average."""
        # Here, because it loads what only those need who want real baskets.
        from benchmarks.baskets import load

        return cls(_parted(load(size * count).baskets, size))

    @cached_property
    def orders(self) -> list[Basket]:
        """The orders of all bursts."""
        return [each for burst in self.bursts for each in burst]

    @property
    def text(self) -> str:
        """All orders as `python -m application place` reads them, bursts parted by empty lines."""
        return write_bursts([lines_of(burst)] for burst in self.bursts)

    @property
    def stock(self) -> dict[str, int]:
        """Pieces of each article that all orders together need."""
        return stock_for(self.orders)

    @property
    def stock_text(self) -> str:
        """The stock as `python -m application stock` reads it."""
        return stock_lines(self.stock)


def _parted(orders: Sequence[Basket], size: int) -> list[Sequence[Basket]]:
    return [orders[start : start + size] for start in range(0, len(orders), size)]


def stock_lines(stock: Mapping[str, int]) -> str:
    """Pieces of each article as `python -m application stock` reads them."""
    return "".join(json_lines({"sku": sku, "quantity": count} for sku, count in stock.items()))


def lines_of(baskets: Sequence[Basket]) -> str:
    """Orders as `python -m application place` reads them."""
    return "".join(json_lines(each.order() for each in baskets))


def commands_of(baskets: Sequence[Basket]) -> list[PlaceOrder]:
    """Orders by the way that any order takes: as lines of JSON."""
    return list(read(BytesIO(lines_of(baskets).encode())))


def read(lines: BinaryIO) -> Iterator[PlaceOrder]:
    """The orders of a file. Raises WentWrong for a line that is none."""
    for each in read_orders(lines):
        if not isinstance(each, Accepted):
            raise WentWrong(str(each))
        yield each.command


def read_all(file: Path) -> list[list[PlaceOrder]]:
    """The orders of a file of bursts. Raises WentWrong for a line that is none."""
    return [list(read(BytesIO("".join(lines).encode()))) for lines in read_bursts(file)]


def check_ends(
    before: Mapping[str, int], after: Mapping[str, int], orders: Sequence[Basket]
) -> None:
    """Raises WentWrong where some order did not end as its card and its address say."""
    done = {end: count - before.get(end, 0) for end, count in after.items()}
    completed = sum(each.ends_well for each in orders)
    wanted = {"completed": completed, "cancelled": len(orders) - completed}
    if Counter(done) != Counter(wanted):
        raise WentWrong(f"The orders ended as {done}, not as {wanted}")
