"""Queries use the read tables alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Connection, Date, Engine, Integer, event

from projections.order_detail import order
from projections.order_list import orders
from projections.sales_by_day import sales
from projections.stock_level import stock_levels
from projections.tables import metadata
from sagaline import Amount, Moment, Uuid
from sagaline.storage import Datastore
from sagaline.storage.tables.creation import create_tables
from tests.projections.history import (
    MONDAY,
    Ending,
    Shop,
    Views,
    line,
    one_log_after_the_other,
)

DONE, GONE, STUCK, NEW = (UUID(int=n * 1_000) for n in range(1, 5))
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """A reader's connection to a shop with four orders."""
    store = Datastore.open(store_url)
    create_tables(store)
    shop = Shop()
    shop.run(DONE, Ending.COMPLETED, MONDAY, customer="ann")
    shop.run(GONE, Ending.REFUNDED, MONDAY + timedelta(hours=1), customer="bob")
    shop.run(STUCK, Ending.PARKED, TUESDAY, customer="ann", lines=[line("A1", 5)])
    shop.run(NEW, Ending.OPEN, TUESDAY + timedelta(hours=1), customer="cat")
    Views(store).fold(list(one_log_after_the_other(shop.logs)))
    with store.read() as connection:
        yield connection
    store.close()


def ids(rows: list[dict[str, Any]]) -> list[UUID]:
    return [row["order_id"] for row in rows]


def test_orders_are_listed_newest_first(connection: Connection) -> None:
    assert ids(orders(connection)) == [NEW, STUCK, GONE, DONE]
    assert ids(orders(connection, limit=2, offset=1)) == [STUCK, GONE]


def test_orders_are_found_by_status_and_by_customer(connection: Connection) -> None:
    statuses = {status: ids(orders(connection, status=status)) for status in STATUSES}
    assert list(statuses.values()) == [[NEW], [DONE], [GONE], [STUCK]]
    assert ids(orders(connection, customer="ann")) == [STUCK, DONE]
    assert ids(orders(connection, customer="ann", status="completed")) == [DONE]
    assert orders(connection, customer="nobody") == []


STATUSES = ("placed", "completed", "cancelled", "attention")


def test_an_order_has_its_lines_timeline_and_payments(
    connection: Connection,
) -> None:
    told = order(connection, GONE)
    assert told is not None
    assert (told["status"], told["reason"]) == ("cancelled", "undeliverable")
    assert [(each["sku"], each["line_total"]) for each in told["lines"]] == [
        ("A1", Decimal("19.98")),
        ("B2", Decimal("5.00")),
    ]
    assert [(each["kind"], each["amount"]) for each in told["payments"]] == [
        ("captured", Decimal("24.98")),
        ("refunded", Decimal("24.98")),
    ]
    assert [f"{each['hop']} {each['event']}: {each['summary']}" for each in told["timeline"]] == [
        "0 Order.Placed: 3 pieces of 2 SKUs for 24.98 USD",
        "1 Stock.Reserved: 2 of A1",
        "1 Stock.Reserved: 1 of B2",
        "1 Reservation.Made: 3 pieces of 2 SKUs",
        "2 TakePayment: do take_payment",
        "3 Payment.Captured: captured 24.98 USD",
        "4 Payment.Refunded: refunded 24.98 USD",
        "5 Stock.Released: 2 of A1",
        "5 Stock.Released: 1 of B2",
        "5 Reservation.Released: 3 pieces of 2 SKUs",
        "6 Order.Cancelled: undeliverable",
    ]
    assert {each["application"] for each in told["timeline"]} == {
        "Orders",
        "Inventory",
        "Payments",
        "OrderFulfilment",
    }
    assert told["timeline"][0]["happened_at"] == told["placed_at"]


def test_an_unknown_order_is_none(connection: Connection) -> None:
    assert order(connection, UUID(int=404)) is None


def test_sales_are_listed_by_day(connection: Connection) -> None:
    monday, tuesday = sales(connection)
    assert monday == {
        "day": date(2026, 1, 5),
        "currency": "USD",
        "orders_placed": 2,
        "orders_completed": 1,
        "orders_cancelled": 1,
        "revenue": Decimal("24.98"),
    }
    assert (tuesday["orders_placed"], tuesday["revenue"]) == (2, Decimal(0))
    assert sales(connection, first=TUESDAY.date()) == [tuesday]
    assert sales(connection, last=MONDAY.date()) == [monday]


def test_stock_levels_are_listed_by_sku(connection: Connection) -> None:
    assert stock_levels(connection) == [
        {"sku": "A1", "on_hand": 998, "reserved": 7, "available": 991},
        {"sku": "B2", "on_hand": 999, "reserved": 1, "available": 998},
    ]
    assert [row["sku"] for row in stock_levels(connection, sku="B2")] == ["B2"]
    assert [row["sku"] for row in stock_levels(connection, limit=1, offset=1)] == ["B2"]


def plans(connection: Connection, ask: Callable[[Connection], object]) -> str:
    """The plan of a query, as for long tables."""
    asked: list[tuple[str, Any]] = []
    with listening(connection.engine, asked):
        ask(connection)
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN"
        connection.exec_driver_sql("SET enable_seqscan = off")
    rows = [
        row
        for sql, parameters in asked
        for row in connection.exec_driver_sql(f"{explain} {sql}", parameters)
    ]
    return "\n".join(str(row[-1]) for row in rows)


@contextmanager
def listening(engine: Engine, heard: list[tuple[str, Any]]) -> Iterator[None]:
    def hear(_c: object, _u: object, sql: str, parameters: Any, *_: object) -> None:
        heard.append((sql, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", hear)


QUERIES: dict[str, Callable[[Connection], object]] = {
    "all": orders,
    "by status": lambda connection: orders(connection, status="completed"),
    "by customer": lambda connection: orders(connection, customer="ann"),
    "one order": lambda connection: order(connection, DONE),
    "a day": lambda connection: sales(connection, first=TUESDAY.date(), last=TUESDAY.date()),
    "an article": lambda connection: stock_levels(connection, sku="B2"),
}


@pytest.mark.parametrize("asked", QUERIES)
def test_a_query_uses_an_index(connection: Connection, asked: str) -> None:
    found = plans(connection, QUERIES[asked])
    assert re.search("USING|Index", found)
    assert not re.search(r"Seq Scan|SCAN \w+$", found, re.MULTILINE)


def test_on_postgresql_the_columns_have_native_types(postgres_store: str) -> None:
    store = Datastore.open(postgres_store)
    create_tables(store)
    Views(store)
    with store.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
        )
        types = dict(found.tuples().all())
    store.close()
    for table in metadata.sorted_tables:
        for column in table.columns:
            wanted = NATIVE.get(type(column.type))
            assert wanted in (None, types[f"{table.name}.{column.name}"])
    assert types["order_list.total"] == "numeric"


NATIVE = {
    Uuid: "uuid",
    Amount: "numeric",
    Moment: "timestamp with time zone",
    Date: "date",
    Integer: "integer",
    BigInteger: "bigint",
}
