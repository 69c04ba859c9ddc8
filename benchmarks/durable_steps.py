"""Orders a second against engines for durable steps, on PostgreSQL.

They take the same orders through the same steps, each a transaction, over plain tables: see
`benchmarks.steps`. Sagaline also writes the events, and folds all read tables of the contract.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median

from benchmarks.contender import heat_of
from benchmarks.figure import Asked, Figure, rounded
from benchmarks.laboratory import POSTGRESQL, Laboratory
from benchmarks.orders_per_second import UNIT, Runs, against
from benchmarks.sample import Heat
from benchmarks.workload import Workload

NAME = "durable_steps/postgresql"

ENGINES = {"dbos": "dbos", "cqrs": "python-cqrs"}
"""Modules, and the packages that they are in."""

ASKED = Asked("ratio >= 10")


def contenders(laboratory: Laboratory) -> dict[str, Callable[[], Heat]]:
    """Those engines that are installed."""
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.engine_orders, sizes.bursts)
    run = partial(heat_of, laboratory, POSTGRESQL, orders, "benchmarks.steps")
    return {_titled(package): partial(run, module) for module, package in installed().items()}


def installed(engines: Mapping[str, str] = ENGINES) -> dict[str, str]:
    """Those that can be run here."""
    return {module: package for module, package in engines.items() if find_spec(module)}


def skipped(engines: Mapping[str, str] = ENGINES) -> list[str]:
    """A word on each of the others."""
    there = installed(engines)
    return [f"{engines[each]} is not installed: skipped" for each in engines if each not in there]


def figures(runs: Runs, engines: Sequence[str], notes: Sequence[str]) -> Iterator[Figure]:
    """Ours against the best of these engines, with a note on each of the others."""
    rates = {name: median(each.warm.value for each in runs[name]) for name in engines}
    best = max(rates, key=lambda name: rates[name], default=None)
    rest = [f"{name}: {rounded(rates[name]):g} {UNIT}" for name in rates if name != best]
    first, *others = against(NAME, runs, best, ASKED)
    yield replace(first, notes=[*rest, *notes])
    yield from others


def _titled(package: str) -> str:
    return f"{package} {version(package)}"
