"""The benchmarks: one JSON document on stdout, progress on stderr.

    python -m benchmarks [NAME ...]

Each NAME is a benchmark, or what several of them begin with; without one, all are run.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.figure import Figure
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.machine import machine
from benchmarks.orders_per_second import baskets_per_second, orders_per_second
from benchmarks.pairs import say
from benchmarks.sizes import FULL, Sizes

Benchmark = Callable[[Laboratory], Iterator[Figure]]

BENCHMARKS: dict[str, Benchmark] = {
    "orders_per_second/sqlite": partial(orders_per_second, kind=SQLITE),
    "orders_per_second/real_baskets": baskets_per_second,
    "orders_per_second/postgresql": partial(orders_per_second, kind=POSTGRESQL),
}


def main(names: Sequence[str], sizes: Sizes = FULL) -> int:
    """Runs benchmarks and returns the exit status."""
    chosen = {each: run for each, run in BENCHMARKS.items() if _is_wanted(each, names)}
    unknown = [name for name in names if not any(each.startswith(name) for each in chosen)]
    if unknown:
        say(f"There is no benchmark {', '.join(unknown)}. There are {', '.join(BENCHMARKS)}.")
        return 2
    on = machine()
    figures = []
    with Laboratory(sizes) as laboratory:
        for name, run in chosen.items():
            say(name)
            figures += [each.document() for each in run(laboratory)]
    print(json.dumps({"machine": on, "figures": figures}, indent=2))
    return 0


def _is_wanted(benchmark: str, names: Sequence[str]) -> bool:
    return not names or any(benchmark.startswith(name) for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
