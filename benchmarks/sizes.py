"""How much is measured: enough for a figure that holds, in less than twenty-five minutes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How many of each: rounds of pairs, orders of each system, events in the log."""

    rounds: int = 3

    warm_up: float = 6.0
    """Seconds of orders that go before a warm figure, for every system alike. Our workers need
    them to share out what there is to do by its weight."""

    bursts: int = 6
    """Bursts of orders that there are for one run, at most."""

    orders: int = 4_000
    """Orders of Sagaline in one burst."""

    baskets: int = 1_500
    """Real baskets in one burst, which have eleven lines each."""

    expert_orders: int = 200
    documented_orders: int = 60
    engine_orders: int = 300
    """Orders of the slower systems in one burst: the first of the same ones."""

    first_orders: int = 20
    """Orders that a process has seen to their ends before it is watched alone."""

    single_orders: int = 300
    """Orders in one round that are placed one by one."""

    idle_seconds: float = 10.0
    """Seconds in one round in which a runner has nothing to do."""

    many_events: int = 1_000_000
    few_events: int = 10_000

    memory_rounds: int = 1
    """A peak differs little from run to run, and a run over many events takes minutes."""

    pulled_orders: int = 3_000
    """Orders in the log that the slower systems rebuild their table from."""

    cost_rounds: int = 5
    cost_orders: int = 2_000

    port_sagas: int = 4_000
    """Sagas whose port takes its time; a tenth of them where one in a hundred takes very long."""

    kind_orders: int = 1_000
    kind_singles: int = 40
    """Orders by which the two kinds of saga are compared: at once, and one by one."""

    stops: int = 100
    stop_orders: int = 20_000
    """Stops on each store, and the orders that are waiting when the first one comes."""

    quiet_seconds: float = 3.0
    """Seconds in which others are watched, before anything is measured and afterwards."""


FULL = Sizes()

MINIATURE = Sizes(
    rounds=1,
    warm_up=0.0,
    bursts=2,
    orders=40,
    baskets=20,
    expert_orders=6,
    documented_orders=4,
    engine_orders=20,
    first_orders=2,
    single_orders=5,
    idle_seconds=2.5,
    many_events=8_000,
    few_events=6_000,
    pulled_orders=50,
    cost_rounds=1,
    cost_orders=40,
    port_sagas=200,
    kind_orders=20,
    kind_singles=2,
    stops=4,
    stop_orders=40,
    quiet_seconds=0.1,
)
"""Enough to see that each benchmark runs; its figures mean nothing."""

COMPARED = Sizes(
    warm_up=4.0,
    orders=3_000,
    many_events=200_000,
    single_orders=200,
)
"""For pairs against another commit: some seconds for each measurement."""
