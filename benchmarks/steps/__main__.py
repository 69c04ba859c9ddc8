"""Runs an engine for durable steps in a process of its own; prints what it came to, as JSON.

    python -m benchmarks.steps STORE ORDERS WARM_UP ENGINE

STORE is a PostgreSQL database. ORDERS is a file with bursts of orders, and WARM_UP the seconds
before the one that gives the warm figure: see `benchmarks.one_process.bursts`. ENGINE is `dbos` or
`cqrs`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, insert, select

from benchmarks.one_process.bursts import Meter, read_bursts, run_bursts
from benchmarks.steps.engine import Engine
from benchmarks.steps.order import Order, stock_for
from benchmarks.steps.tables import metadata, orders, stock


def main(store: str, file: str, warm_up: str, engine: str) -> None:
    """Runs, prints."""
    bursts = [[Order.read(line) for line in lines] for lines in read_bursts(Path(file))]
    print(json.dumps(run(engine, store, bursts, float(warm_up))))


def run(name: str, store: str, bursts: Sequence[Sequence[Order]], warm_up: float) -> dict[str, Any]:
    """What a cold burst and a warm one took, and how the orders of all bursts ended."""
    books = create_engine(store)
    metadata.create_all(books)
    with books.begin() as connection:
        needed = stock_for(each for burst in bursts for each in burst).items()
        rows = [{"sku": sku, "on_hand": pieces, "reserved": 0} for sku, pieces in needed]
        connection.execute(insert(stock), rows)
    engine = _engine(name, store)
    told = run_bursts(bursts, engine.finish, warm_up, Meter())
    engine.close()
    query = select(orders.c.status, func.count()).group_by(orders.c.status)
    with books.connect() as connection:
        ends = connection.execute(query).tuples().all()
    books.dispose()
    return {**told, "ends": dict(ends)}


def _engine(name: str, store: str) -> Engine:
    # Each is imported where it is wanted, because the other one may not be installed.
    if name == "dbos":
        from benchmarks.steps.dbos_saga import DbosEngine

        return DbosEngine(store)
    from benchmarks.steps.cqrs_saga import CqrsEngine

    return CqrsEngine(store)


main(*sys.argv[1:])
