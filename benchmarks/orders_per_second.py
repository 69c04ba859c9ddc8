"""Orders a second, from the first one handed in until every order and every read table is done.

Sagaline keeps all read tables of the contract, the baseline one; see `benchmarks.upstream`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.figure import Asked, Baseline, Figure
from benchmarks.laboratory import POSTGRESQL, SQLITE, Laboratory
from benchmarks.pairs import interleaved
from benchmarks.shop import HOUSE, LIMIT, check_ends, environment, seconds_to_the_end
from benchmarks.upstream.tuning import DOCUMENTED, expert
from benchmarks.workload import WARM_UP, Workload, lines_of

OURS = "Sagaline"
UNIT = "orders/s"
ASKED = {SQLITE: Asked("ratio >= 20"), POSTGRESQL: Asked("ratio >= 30")}


def orders_per_second(laboratory: Laboratory, kind: str) -> Iterator[Figure]:
    """Made-up orders on a kind of store, against the library as it can be, and as it is taught."""
    sizes = laboratory.sizes
    orders = Workload.made_up(sizes.orders)
    few, fewer = orders.first(sizes.expert_orders), orders.first(sizes.documented_orders)
    tuned = expert(kind)
    taken = interleaved(
        sizes.rounds,
        UNIT,
        {
            OURS: partial(ours, laboratory, kind, orders),
            tuned.name: partial(upstream, laboratory, kind, few),
            DOCUMENTED.name: partial(upstream, laboratory, kind, fewer, documented=True),
        },
    )
    name = f"orders_per_second/{kind}"
    for each, asked, against in (
        (name, ASKED[kind], tuned),
        (f"{name}/as_documented", None, DOCUMENTED),
    ):
        yield Figure(each, UNIT, taken[OURS], asked, Baseline(against.name, taken[against.name]))


def baskets_per_second(laboratory: Laboratory) -> Iterator[Figure]:
    """Real baskets on SQLite, which have more lines, against the library as it can be."""
    sizes = laboratory.sizes
    orders = Workload.real(sizes.baskets)
    tuned = expert(SQLITE)
    taken = interleaved(
        sizes.rounds,
        UNIT,
        {
            OURS: partial(ours, laboratory, SQLITE, orders),
            tuned.name: partial(upstream, laboratory, SQLITE, orders.first(sizes.expert_orders)),
        },
    )
    yield Figure(
        "orders_per_second/real_baskets",
        UNIT,
        taken[OURS],
        ASKED[SQLITE],
        Baseline(tuned.name, taken[tuned.name]),
    )


def ours(laboratory: Laboratory, kind: str, workload: Workload) -> float:
    """One run of the shop."""
    with laboratory.store(kind) as store:
        return len(workload.orders) / seconds_to_the_end(store, workload)


def upstream(
    laboratory: Laboratory, kind: str, workload: Workload, documented: bool = False
) -> float:
    """One run of the baseline, in a process of its own too."""
    orders = laboratory.folder / "orders.jsonl"
    orders.write_text(lines_of([*workload.warm_up, *workload.orders]))
    with laboratory.store(kind) as store:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.upstream", store, str(orders), str(WARM_UP)),
                *(["--documented"] if documented else []),
            ],
            cwd=HOUSE,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
            check=True,
        )
    said = json.loads(done.stdout)
    check_ends({}, said["ends"], workload)
    seconds: float = said["seconds"]
    return len(workload.orders) / seconds
