"""Runs the baseline in a process of its own; prints what it came to, as JSON.

python -m benchmarks.upstream STORE ORDERS WARM_UP [--documented]

ORDERS is a file of orders as `python -m application place` reads them, the first WARM_UP of which
do not count.
"""

import argparse
import json
import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

from application.commands import PlaceOrder
from application.intake import Accepted, read_orders
from benchmarks.upstream.run import run
from benchmarks.upstream.tuning import DOCUMENTED, expert


def main() -> None:
    """Reads the arguments, runs, prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upstream")
    parser.add_argument("store")
    parser.add_argument("orders", type=Path)
    parser.add_argument("warm_up", type=int)
    parser.add_argument("--documented", action="store_true")
    given = parser.parse_args()
    tuning = DOCUMENTED if given.documented else expert(given.store)
    # The library gives the classes of all tracking tables one name.
    warnings.simplefilter("ignore", SAWarning)
    print(json.dumps(run(given.store, tuning, _orders(given.orders), given.warm_up)))


def _orders(path: Path) -> list[PlaceOrder]:
    with path.open("rb") as lines:
        return [each.command for each in read_orders(lines) if isinstance(each, Accepted)]


main()
