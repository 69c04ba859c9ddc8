"""Part of the reference shop, not of the framework: its read models and their queries."""

from projections.order_detail import OrderDetail
from projections.order_list import OrderList
from projections.order_timeline import OrderTimeline
from projections.payment_ledger import PaymentLedger
from projections.sales_by_day import SalesByDay
from projections.stock_level import StockLevel

READ_MODELS = (OrderList, OrderDetail, OrderTimeline, PaymentLedger, StockLevel, SalesByDay)
"""All read models, in the order of their importance to a customer."""
