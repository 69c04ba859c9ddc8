"""The benchmarks: one JSON document on stdout, progress on stderr.

    python -m benchmarks [NAME ...]

Each NAME is a benchmark, or what several of them begin with; without one, all are run. One that
fails takes no other's figures with it: it is named on stderr, and the exit status is 1.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.cost_of_event import cost_of_event
from benchmarks.figure import Figure
from benchmarks.idle import idle
from benchmarks.kinds import two_kinds
from benchmarks.laboratory import Laboratory
from benchmarks.latency import latency
from benchmarks.machine import machine
from benchmarks.memory import memory
from benchmarks.on_postgresql import on_postgresql
from benchmarks.orders_per_second import baskets_per_second, orders_per_second
from benchmarks.pairs import say
from benchmarks.ports import slow_share, throughput
from benchmarks.quiet import Quiet
from benchmarks.rebuild import rebuild
from benchmarks.sizes import FULL, Sizes
from benchmarks.start import start

Benchmark = Callable[[Laboratory], Iterator[Figure]]

BENCHMARKS: dict[str, Benchmark] = {
    "orders_per_second/sqlite": orders_per_second,
    "orders_per_second/real_baskets": baskets_per_second,
    "orders_per_second/postgresql": on_postgresql,
    "latency": latency,
    "idle": idle,
    "memory": memory,
    "rebuild": rebuild,
    "start": start,
    "ports/slow_share": slow_share,
    "ports/throughput": throughput,
    "cost_of_event": cost_of_event,
    "two_kinds": two_kinds,
}


def main(names: Sequence[str], sizes: Sizes = FULL, server: str | None = None) -> int:
    """Runs benchmarks and returns the exit status; `server` is the URL of a PostgreSQL server."""
    if not {"-h", "--help"}.isdisjoint(names):
        print(f"{__doc__}\nBenchmarks: {', '.join(BENCHMARKS)}")
        return 0
    chosen = {each: run for each, run in BENCHMARKS.items() if _is_wanted(each, names)}
    unknown = [name for name in names if not any(each.startswith(name) for each in chosen)]
    if unknown:
        say(f"There is no benchmark {', '.join(unknown)}. There are {', '.join(BENCHMARKS)}.")
        return 2
    with Laboratory(sizes, server) as laboratory:
        quiet = Quiet(laboratory.server_seconds, sizes.quiet_seconds)
        quiet.tell()
        on = machine()
        figures, failed = _run(chosen, laboratory, quiet)
        quiet.ended()
    quiet.tell()
    print(json.dumps({"machine": {**on, **quiet.document()}, "figures": figures}, indent=2))
    if failed:
        say(f"Failed: {', '.join(failed)}. What else was measured is in the document.")
    return 1 if failed else 0


def _run(
    chosen: Mapping[str, Benchmark], laboratory: Laboratory, quiet: Quiet
) -> tuple[list[dict[str, Any]], list[str]]:
    """The figures, and the benchmarks that failed."""
    figures: list[dict[str, Any]] = []
    failed = []
    for name, run in chosen.items():
        say(name)
        try:
            for each in run(laboratory):
                figures.append(each.document())  # noqa: PERF401 - those before a failure stay
        except Exception:
            traceback.print_exc()
            failed.append(name)
        quiet.passed(name)
    return figures, failed


def _is_wanted(benchmark: str, names: Sequence[str]) -> bool:
    return not names or any(benchmark.startswith(name) for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
