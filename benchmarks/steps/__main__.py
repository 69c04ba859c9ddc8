"""Runs an engine for durable steps in a process of its own; prints what it came to, as JSON.

    python -m benchmarks.steps STORE ORDERS WARM_UP ENGINE

STORE is a PostgreSQL database. ORDERS is a file of orders as `python -m application place` reads
them, the first WARM_UP of which do not count. ENGINE is `dbos` or `cqrs`.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, insert, select

from benchmarks.steps.engine import Engine
from benchmarks.steps.order import Order, stock_for
from benchmarks.steps.tables import metadata, orders, stock


def main(store: str, file: str, warm_up: str, engine: str) -> None:
    """Runs, prints."""
    given = [Order.read(line) for line in Path(file).read_text().splitlines()]
    print(json.dumps(run(engine, store, given, int(warm_up))))


def run(name: str, store: str, given: Sequence[Order], warm_up: int) -> dict[str, Any]:
    """Seconds that all but the first orders took, and how they ended."""
    books = create_engine(store)
    metadata.create_all(books)
    with books.begin() as connection:
        needed = stock_for(given).items()
        rows = [{"sku": sku, "on_hand": pieces, "reserved": 0} for sku, pieces in needed]
        connection.execute(insert(stock), rows)
    engine = _engine(name, store)
    engine.finish(given[:warm_up])
    started = time.perf_counter()
    engine.finish(given[warm_up:])
    seconds = time.perf_counter() - started
    engine.close()
    counted = [each.order_id for each in given[warm_up:]]
    query = select(orders.c.status, func.count()).where(orders.c.order_id.in_(counted))
    with books.connect() as connection:
        ends = connection.execute(query.group_by(orders.c.status)).tuples().all()
    books.dispose()
    return {"seconds": seconds, "ends": dict(ends)}


def _engine(name: str, store: str) -> Engine:
    # Each is imported where it is wanted, because the other one may not be installed.
    if name == "dbos":
        from benchmarks.steps.dbos_saga import DbosEngine

        return DbosEngine(store)
    from benchmarks.steps.cqrs_saga import CqrsEngine

    return CqrsEngine(store)


main(*sys.argv[1:])
