"""Orders a second against engines for durable steps, on PostgreSQL.

They take the same orders through the same steps, each a transaction, over plain tables: see
`benchmarks.steps`. Sagaline also writes the events, and folds all read tables of the contract.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median

from benchmarks.contender import rate_of
from benchmarks.figure import Asked, Baseline, Figure, rounded
from benchmarks.laboratory import POSTGRESQL, Laboratory
from benchmarks.orders_per_second import OURS, UNIT, ours
from benchmarks.pairs import Measured, interleaved
from benchmarks.workload import Workload

ENGINES = {"dbos": "dbos", "cqrs": "python-cqrs"}
"""Modules, and the packages that they are in."""

ASKED = Asked("ratio >= 10")


def durable_steps(laboratory: Laboratory) -> Iterator[Figure]:
    """Against the best of those engines that are installed."""
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.warm_up, sizes.orders)
    few = orders.first(sizes.engine_orders)
    contenders = {OURS: partial(ours, laboratory, POSTGRESQL, orders)}
    for module, package in installed(ENGINES).items():
        name = f"{package} {version(package)}"
        contenders[name] = partial(rate_of, laboratory, POSTGRESQL, few, "benchmarks.steps", module)
    yield figure(interleaved(sizes.rounds, UNIT, contenders), skipped(ENGINES))


def installed(engines: Mapping[str, str]) -> dict[str, str]:
    """Those that can be run here."""
    return {module: package for module, package in engines.items() if find_spec(module)}


def skipped(engines: Mapping[str, str]) -> list[str]:
    """A word on each of the others."""
    there = installed(engines)
    return [f"{engines[each]} is not installed: skipped" for each in engines if each not in there]


def figure(taken: Measured, words: Sequence[str]) -> Figure:
    """Ours against the best of the others, with a note on each of the rest."""
    rates = {name: median(values) for name, values in taken.items() if name != OURS}
    best = max(rates, key=lambda name: rates[name], default=None)
    rest = [f"{name}: {rounded(rates[name]):g} {UNIT}" for name in rates if name != best]
    against = None if best is None else Baseline(best, taken[best])
    return Figure("durable_steps/postgresql", UNIT, taken[OURS], ASKED, against, [*rest, *words])
