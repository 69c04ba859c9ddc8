"""The orders that a benchmark places, and the stock that they need."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.baskets import Basket, Baskets, json_lines, load
from benchmarks.made_orders import made_orders

WARM_UP = 20
"""Orders that go first and do not count: nobody measures how long a program takes to load."""


@dataclass(frozen=True)
class Workload:
    """Orders, and those that go before them."""

    warm_up: Sequence[Basket]
    orders: Sequence[Basket]

    @classmethod
    def made_up(cls, count: int) -> "Workload":
        """Three lines an order over a thousand articles."""
        return cls._of(made_orders(WARM_UP + count))

    @classmethod
    def real(cls, count: int) -> "Workload":
        """Real baskets, eleven lines each on average."""
        return cls._of(load(WARM_UP + count).baskets)

    @classmethod
    def _of(cls, baskets: Sequence[Basket]) -> "Workload":
        return cls(baskets[:WARM_UP], baskets[WARM_UP:])

    def first(self, count: int) -> "Workload":
        """The same with fewer orders: for what is slower."""
        return Workload(self.warm_up, self.orders[:count])

    @property
    def stock(self) -> dict[str, int]:
        """Pieces of each article that all orders together need."""
        return Baskets([*self.warm_up, *self.orders], 0).stock()

    @property
    def completed(self) -> int:
        """How many orders must end well; the others must end cancelled."""
        return sum(each.ends_well for each in self.orders)


def lines_of(baskets: Sequence[Basket]) -> str:
    """Orders as `python -m application place` reads them."""
    return "".join(json_lines(each.order() for each in baskets))
