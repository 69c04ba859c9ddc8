"""The contract's invariants, judged from the tables alone with plain SQL: no code of ours.

Each function returns what is wrong, in words; nothing is wrong where it returns nothing.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text


class Books:
    """Everything that is in the logs of the shop, by plain SELECTs."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.events: dict[str, list[dict[str, Any]]] = {}
        for table in inspect(connection).get_table_names():
            if table.endswith("_events"):
                self.events[table.removesuffix("_events")] = self._read(table)

    def of(self, application: str, name: str) -> list[dict[str, Any]]:
        """The events of one class, such as ``Payment.Captured``."""
        return [e for e in self.events.get(application, []) if e["topic"].endswith(f":{name}")]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A read table."""
        found = self.connection.execute(text(f"SELECT * FROM {table}"))
        return [dict(row) for row in found.mappings()]

    def _read(self, table: str) -> list[dict[str, Any]]:
        sql = f"SELECT id, originator_id, originator_version, topic, state FROM {table} ORDER BY id"
        found = self.connection.execute(text(sql))
        return [
            {
                **json.loads(bytes(row.state)),
                "id": row.id,
                "topic": row.topic,
                "stream": bytes(row.originator_id).hex()
                if isinstance(row.originator_id, bytes | memoryview)
                else str(row.originator_id).replace("-", ""),
                "version": row.originator_version,
            }
            for row in found
        ]


def violations(url: str, *, settled: bool) -> list[str]:
    """What is wrong with a store; with `settled`, also what must only hold in the end."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            books = Books(connection)
            found = [*_streams(books), *_stock(books)]
            if settled:
                found += [*_stock_levels(books), *_orders(books)]
            return found
    finally:
        engine.dispose()


def ends(url: str) -> Counter[str]:
    """How many orders are in each state."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            sql = "SELECT status, count(*) FROM order_list GROUP BY status"
            return Counter(dict(connection.execute(text(sql)).tuples().all()))
    finally:
        engine.dispose()


def _streams(books: Books) -> Iterator[str]:
    for application, events in books.events.items():
        versions: dict[str, list[int]] = defaultdict(list)
        for each in events:
            versions[each["stream"]].append(each["version"])
        for stream, found in versions.items():
            if found != list(range(1, len(found) + 1)):
                yield f"{application}: the stream {stream} has the versions {found}"


def _stock(books: Books) -> Iterator[str]:
    for sku, shelf in _shelves(books).items():
        if shelf["available"] < 0:
            yield f"{sku}: {shelf['available']} available"
        if shelf["lowest"] < 0:
            yield f"{sku}: there were once {shelf['lowest']} available"


def _shelves(books: Books) -> dict[str, dict[str, int]]:
    shelves: dict[str, dict[str, int]] = {}
    signs = {"Received": (1, 0), "Reserved": (0, 1), "Released": (0, -1), "Dispatched": (-1, -1)}
    for each in books.events.get("inventory", []):
        name = each["topic"].rpartition(".")[2]
        if ":Stock." not in each["topic"] or name not in signs:
            continue
        shelf = shelves.setdefault(
            each["sku"], {"on_hand": 0, "reserved": 0, "available": 0, "lowest": 0}
        )
        on_hand, reserved = signs[name]
        shelf["on_hand"] += on_hand * each["quantity"]
        shelf["reserved"] += reserved * each["quantity"]
        shelf["available"] = shelf["on_hand"] - shelf["reserved"]
        shelf["lowest"] = min(shelf["lowest"], shelf["available"])
    return shelves


def _stock_levels(books: Books) -> Iterator[str]:
    shelves = _shelves(books)
    levels = {row["sku"]: row for row in books.rows("stock_level")}
    if set(shelves) != set(levels):
        yield f"stock_level has {len(levels)} SKUs, the log {len(shelves)}"
    for sku, shelf in shelves.items():
        for column in ("on_hand", "reserved", "available"):
            if sku in levels and levels[sku][column] != shelf[column]:
                yield f"{sku}: {column} is {levels[sku][column]}, by the log {shelf[column]}"
        if shelf["reserved"] != 0:
            yield f"{sku}: {shelf['reserved']} still reserved"


def _by_order(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in events:
        found[each["order_id"]].append(each)
    return found


def _orders(books: Books) -> Iterator[str]:
    captured = _by_order(books.of("payments", "Payment.Captured"))
    refunded = _by_order(books.of("payments", "Payment.Refunded"))
    shipped = _by_order(books.of("shipping", "Shipment.Booked"))
    made = _by_order(books.of("inventory", "Reservation.Made"))
    dispatched = _by_order(books.of("inventory", "Reservation.Dispatched"))
    orders = {str(row["order_id"]): row for row in books.rows("order_list")}
    placed = {e["stream"] for e in books.of("orders", "Order.Placed")}
    if {each.replace("-", "") for each in orders} != placed:
        yield f"order_list has {len(orders)} orders, the log {len(placed)}"
    yield from _ledger(books, captured, refunded)
    for order_id, order in orders.items():
        money = captured[order_id], refunded[order_id]
        yield from _end(order_id, order, *money, len(shipped[order_id]), len(dispatched[order_id]))
        if len(made[order_id]) > 1:
            yield f"{order_id}: reserved {len(made[order_id])} times"


def _end(
    order_id: str, order: dict[str, Any], captured: Any, refunded: Any, shipped: int, sent: int
) -> Iterator[str]:
    counts = [len(captured), len(refunded), shipped, sent]
    taken, given = (sum(map(_money, each), Decimal(0)) for each in (captured, refunded))
    if order["status"] == "completed":
        if counts != [1, 0, 1, 1] or taken != Decimal(str(order["total"])):
            yield f"{order_id}: completed, but captured, refunded, shipped, sent {counts}, {taken}"
    elif order["status"] == "cancelled":
        if taken != given or counts[2:] != [0, 0] or max(counts[:2]) > 1:
            yield f"{order_id}: cancelled, but captured, refunded, shipped, sent {counts}"
    else:
        yield f"{order_id}: {order['status']}, which is no end"


def _ledger(books: Books, captured: Any, refunded: Any) -> Iterator[str]:
    rows = Counter((str(row["order_id"]), row["kind"]) for row in books.rows("payment_ledger"))
    events = Counter({(key, "captured"): len(found) for key, found in captured.items()})
    events.update({(key, "refunded"): len(found) for key, found in refunded.items()})
    if rows != +events:
        yield f"payment_ledger has {sum(rows.values())} movements, the log {sum(events.values())}"


def _money(event: dict[str, Any]) -> Decimal:
    return Decimal(event["amount"]["amount"])
