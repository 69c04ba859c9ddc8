"""How much is measured: enough for a figure that holds, in a quarter of an hour."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How many of each: rounds of pairs, orders of each system, events in the log."""

    rounds: int = 3

    orders: int = 4_000
    """Orders that Sagaline brings to their ends in one run."""

    baskets: int = 1_500
    """Real baskets, which have eleven lines each."""

    expert_orders: int = 300
    documented_orders: int = 80
    """Orders of the slower systems: the first of the same ones."""


FULL = Sizes()

MINIATURE = Sizes(rounds=1, orders=40, baskets=20, expert_orders=10, documented_orders=5)
"""Enough to see that a benchmark runs; its figures mean nothing."""
