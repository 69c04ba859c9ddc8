"""The shop's books as plain tables, whose rows are changed in place."""

from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Numeric, Table, Text

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
)

stock = Table(
    "stock",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("on_hand", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    CheckConstraint("reserved <= on_hand"),
)

payments = Table(
    "payments",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("amount", Numeric, nullable=False),
    Column("status", Text, nullable=False),
)

shipments = Table(
    "shipments",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
)
