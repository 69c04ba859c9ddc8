"""The benchmarks: one JSON document on stdout, progress on stderr.

    python -m benchmarks

One figure so far: orders a second to their end, with all read tables, on SQLite. What it is to be
held against (`baseline`, `ratio`) has no benchmark yet, and so no number.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from application.inventory import Inventory
from application.orders import Orders
from application.system import system
from benchmarks.baskets import load
from benchmarks.demo import BATCH, LIMIT, execute, orders_of, stock_of
from sagaline import Runner

RUNS = 3
COUNT = 1_000


def main() -> int:
    """Runs the benchmarks and returns the exit status."""
    rates = [_orders_per_second(run) for run in range(1, RUNS + 1)]
    figure = {
        "name": "orders_per_second/sqlite",
        "unit": "orders/s",
        "value": round(statistics.median(rates), 1),
        "spread": [round(min(rates), 1), round(max(rates), 1)],
        "baseline": None,
        "ratio": None,
        "asked": "ratio >= 20",
        "met": None,
    }
    print(json.dumps({"machine": _machine(), "figures": [figure]}, indent=2))
    return 0


def _orders_per_second(run: int) -> float:
    baskets = load(COUNT)
    orders = list(orders_of(baskets))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'shop.db'}"
        with Runner(system, {"SQLALCHEMY_URL": url}) as runner:
            execute(runner.get(Inventory).execute, stock_of(baskets), BATCH)
            runner.settle(LIMIT)
            started = time.perf_counter()
            execute(runner.get(Orders).execute, orders, BATCH)
            runner.settle(LIMIT)
            rate = len(orders) / (time.perf_counter() - started)
    print(f"run {run} of {RUNS}: {rate:,.0f} orders/s on SQLite", file=sys.stderr)
    return rate


def _machine() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    sys.exit(main())
