"""Runs the baseline in a process of its own; prints what it came to, as JSON.

python -m benchmarks.upstream STORE ORDERS WARM_UP [--tuning NAME] [--runner NAME]

ORDERS is a file with bursts of orders, and WARM_UP the seconds before the one that gives the warm
figure: see `benchmarks.one_process.bursts`.
"""

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import SAWarning

from benchmarks.upstream.run import run
from benchmarks.upstream.stores import store_at
from benchmarks.upstream.tuning import RUNNERS, TUNINGS
from benchmarks.workload import read_all


def main() -> None:
    """Reads the arguments, runs, prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upstream")
    parser.add_argument("store")
    parser.add_argument("orders", type=Path)
    parser.add_argument("warm_up", type=float)
    parser.add_argument("--tuning", choices=TUNINGS, default="expert", help="how far it goes")
    parser.add_argument("--runner", choices=RUNNERS, help="another one of the library's runners")
    given = parser.parse_args()
    tuning = TUNINGS[given.tuning]
    if given.runner:
        tuning = replace(tuning, runner=RUNNERS[given.runner])
    # The library gives the classes of all tracking tables one name.
    warnings.simplefilter("ignore", SAWarning)
    store = store_at(given.store, native=tuning.native)
    print(json.dumps(run(store, tuning, read_all(given.orders), given.warm_up)))


main()
