"""The least that a rebuild of `order_list` can take in Python: no engine, no checks, no types.

    python -m benchmarks.programs.floor STORE

Reads the log of the orders from SQLite, decodes the JSON, keeps a dictionary for each row, and
writes them all at once into a table without indexes. Prints events and seconds, as JSON.
"""

import gc
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import UUID

from sqlalchemy import make_url

from projections.tables import order_list

COLUMNS = [column.name for column in order_list.columns]


def main(store: str) -> None:
    """Measures, prints."""
    path = make_url(store).database or ""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE IF EXISTS order_list_floor")
        connection.execute(f"CREATE TABLE order_list_floor ({', '.join(COLUMNS)})")
        connection.commit()
        gc.disable()
        started = time.perf_counter()
        events = _rebuild(connection)
        seconds = time.perf_counter() - started
        connection.execute("DROP TABLE order_list_floor")
        connection.commit()
    print(json.dumps({"events": events, "seconds": seconds}))


def decoder() -> Callable[[bytes], Any]:
    """The fastest that is installed."""
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads


def _rebuild(connection: sqlite3.Connection) -> int:
    loads = decoder()
    rows: dict[bytes, dict[str, Any]] = {}
    events = 0
    query = "SELECT originator_id, topic, state FROM orders_events ORDER BY id"
    for order_id, topic, state in connection.execute(query):
        events += 1
        event = loads(state)
        if topic == "domain.order:Order.Placed":
            rows[order_id] = {
                "order_id": str(UUID(bytes=order_id)),
                "customer_id": event["customer_id"],
                "status": "placed",
                "reason": None,
                "total": event["total"]["amount"],
                "currency": event["total"]["currency"],
                "item_count": sum(line["quantity"] for line in event["lines"]),
                "placed_at": event["timestamp"],
                "updated_at": event["timestamp"],
            }
        else:
            row = rows[order_id]
            row["status"] = "completed" if topic == "domain.order:Order.Completed" else "cancelled"
            row["reason"] = event.get("reason")
            row["updated_at"] = event["timestamp"]
    marks = ", ".join(f":{name}" for name in COLUMNS)
    connection.executemany(f"INSERT INTO order_list_floor VALUES ({marks})", rows.values())
    connection.commit()
    return events


main(*sys.argv[1:])
