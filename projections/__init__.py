"""The read models of the shop: one module per question that a reader asks, and its queries."""

from projections.order_detail import OrderDetail
from projections.order_list import OrderList
from projections.order_timeline import OrderTimeline
from projections.payment_ledger import PaymentLedger
from projections.sales_by_day import SalesByDay
from projections.stock_level import StockLevel

READ_MODELS = (OrderList, OrderDetail, OrderTimeline, PaymentLedger, StockLevel, SalesByDay)
"""All of them, in the order of their importance to a customer."""
