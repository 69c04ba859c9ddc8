"""The orders that a benchmark places, and the stock that they need."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from application.cli.json_lines import Accepted, read_orders
from application.commands import PlaceOrder
from benchmarks.basket import Basket, json_lines, stock_for
from benchmarks.made_orders import made_orders
from benchmarks.process import WentWrong

BEFORE = 7
"""The seed of orders that go before others, and are none of them."""


@dataclass(frozen=True)
class Workload:
    """Orders, and those that go before them and do not count.

    The first ones make a program load what it needs, which it does once.
    """

    warm_up: Sequence[Basket]
    orders: Sequence[Basket]

    @classmethod
    def made_up(cls, warm_up: int, count: int) -> "Workload":
        """Three lines an order over a thousand articles."""
        orders = made_orders(warm_up + count)
        return cls(orders[:warm_up], orders[warm_up:])

    @classmethod
    def real(cls, warm_up: int, count: int) -> "Workload":
        """Real baskets, eleven lines each on average."""
        # Here, because it loads what only those need who want real baskets.
        from benchmarks.baskets import load

        orders = load(warm_up + count).baskets
        return cls(orders[:warm_up], orders[warm_up:])

    def after(self, count: int) -> "Workload":
        """The same with more orders that go before: for what needs them to find its way."""
        return Workload(made_orders(count, BEFORE), self.orders)

    def first(self, count: int) -> "Workload":
        """The same with fewer orders: for what is slower."""
        return Workload(self.warm_up, self.orders[:count])

    @property
    def stock(self) -> dict[str, int]:
        """Pieces of each article that all orders together need."""
        return stock_for([*self.warm_up, *self.orders])


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


def check_ends(before: Mapping[str, int], after: Mapping[str, int], workload: Workload) -> None:
    """Raises WentWrong where some order did not end as its card and its address say."""
    done = {end: count - before.get(end, 0) for end, count in after.items()}
    completed = sum(each.ends_well for each in workload.orders)
    wanted = {"completed": completed, "cancelled": len(workload.orders) - completed}
    if Counter(done) != Counter(wanted):
        raise WentWrong(f"The orders ended as {done}, not as {wanted}")
