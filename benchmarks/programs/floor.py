"""The least that a rebuild of `order_list` takes in Python: no engine, no checks, no types.

    python -m benchmarks.programs.floor STORE

Reads the log of the orders from SQLite, parses the JSON, keeps a list for each row, and writes all
of them at once, by position, into a table without indexes. Plain means, and none that is slower
than it must be: ids stay bytes, and nothing is made twice. Prints events, seconds and processor
time, as JSON.
"""

import gc
import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

from sqlalchemy import make_url

from benchmarks.one_process.bursts import Meter
from projections.tables import order_list

COLUMNS = [column.name for column in order_list.columns]
QUERY = "SELECT originator_id, topic, state FROM orders_events ORDER BY id"
PLACED, COMPLETED = "domain.order:Order.Placed", "domain.order:Order.Completed"


def main(store: str) -> None:
    """Measures, prints."""
    with closing(sqlite3.connect(make_url(store).database or "")) as connection:
        connection.execute("DROP TABLE IF EXISTS order_list_floor")
        connection.execute(f"CREATE TABLE order_list_floor ({', '.join(COLUMNS)})")
        connection.commit()
        (events,) = connection.execute("SELECT COUNT(*) FROM orders_events").fetchone()
        gc.disable()
        told = Meter().measure(lambda: rebuild(connection, decoder()))
        connection.execute("DROP TABLE order_list_floor")
        connection.commit()
    print(json.dumps({**told, "events": events}))


def decoder() -> Callable[[bytes], Any]:
    """The fastest that is installed."""
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads


def rebuild(connection: sqlite3.Connection, loads: Callable[[bytes], Any]) -> None:
    """Folds all events, and writes the rows; the values stand as in the columns of the table."""
    rows: dict[bytes, list[Any]] = {}
    for order_id, topic, state in connection.execute(QUERY):
        event = loads(state)
        at = event["timestamp"]
        if topic == PLACED:
            total = event["total"]
            pieces = 0
            for line in event["lines"]:
                pieces += line["quantity"]
            customer, amount, currency = event["customer_id"], total["amount"], total["currency"]
            rows[order_id] = [
                order_id, customer, "placed", None, amount, currency, pieces, at, at
            ]  # fmt: skip
        else:
            row = rows[order_id]
            row[8] = at
            if topic == COMPLETED:
                row[2] = "completed"
            else:
                row[2], row[3] = "cancelled", event["reason"]
    marks = ", ".join("?" * len(COLUMNS))
    connection.executemany(f"INSERT INTO order_list_floor VALUES ({marks})", rows.values())
    connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
