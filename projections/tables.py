"""The read tables of the shop, each named after the question that it answers.

Any SQL client may read them. UUIDs, money and times are native on PostgreSQL and text on SQLite.
"""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, MetaData, Table, Text

from sagaline import Amount, Moment, Uuid

metadata = MetaData()

order_list = Table(
    "order_list",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    # Empty until the order's own log is read: its saga's log may be read first.
    Column("customer_id", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("total", Amount),
    Column("currency", Text),
    Column("item_count", Integer),
    Column("placed_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Index("order_list_placed_at", "placed_at"),
    Index("order_list_status", "status", "placed_at"),
    # Without the time, because one customer has few orders and a short index costs less.
    Index("order_list_customer", "customer_id"),
)

order_detail = Table(
    "order_detail",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", Amount, nullable=False),
    Column("line_total", Amount, nullable=False),
    Column("currency", Text, nullable=False),
)

order_timeline = Table(
    "order_timeline",
    metadata,
    # The order comes first, so that the key serves as the index of the query.
    Column("order_id", Uuid, primary_key=True),
    Column("application", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("hop", Integer, nullable=False),
    Column("happened_at", Moment, nullable=False),
    Column("event", Text, nullable=False),
    Column("summary", Text, nullable=False),
)

payment_ledger = Table(
    "payment_ledger",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    # The position in the log of payments: a second capture would be a second row.
    Column("id", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("currency", Text, nullable=False),
    Column("happened_at", Moment, nullable=False),
)

stock_level = Table(
    "stock_level",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("on_hand", Integer, nullable=False, default=0),
    Column("reserved", Integer, nullable=False, default=0),
    Column("available", Integer, nullable=False, default=0),
)

sales_by_day = Table(
    "sales_by_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("orders_placed", Integer, nullable=False, default=0),
    Column("orders_completed", Integer, nullable=False, default=0),
    Column("orders_cancelled", Integer, nullable=False, default=0),
    Column("revenue", Amount, nullable=False, default=0),
)
