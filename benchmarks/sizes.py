"""How much is measured: enough for a figure that holds, in twenty minutes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How many of each: rounds of pairs, orders of each system, events in the log."""

    rounds: int = 3

    warm_up: int = 20
    """Orders that go first and do not count."""

    share_out: int = 12_000
    """Orders of ours that go first: workers share out what there is to do by its weight. After a
    third of them some followers still move, and who is moved stands still for about a second."""

    orders: int = 4_000
    """Orders that Sagaline brings to their ends in one run."""

    baskets: int = 1_500
    """Real baskets, which have eleven lines each."""

    expert_orders: int = 300
    documented_orders: int = 80
    engine_orders: int = 400
    """Orders of the slower systems: the first of the same ones."""

    single_orders: int = 300
    """Orders in one round that are placed one by one."""

    idle_seconds: float = 10.0
    """Seconds in one round in which a runner has nothing to do."""

    many_events: int = 1_000_000
    few_events: int = 10_000

    pulled_orders: int = 3_000
    """Orders in the log that the slower system rebuilds its table from."""

    cost_rounds: int = 5
    cost_orders: int = 2_000


FULL = Sizes()

MINIATURE = Sizes(
    rounds=1,
    warm_up=2,
    share_out=10,
    orders=40,
    baskets=20,
    expert_orders=10,
    documented_orders=5,
    engine_orders=20,
    single_orders=5,
    idle_seconds=2.5,
    many_events=8_000,
    few_events=6_000,
    pulled_orders=50,
    cost_rounds=1,
    cost_orders=40,
)
"""Enough to see that each benchmark runs; its figures mean nothing."""
