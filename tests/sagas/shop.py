"""The placed order that tests of the order flow start with."""

from decimal import Decimal
from typing import Final
from uuid import UUID

from domain.money import Money
from domain.order import Order, OrderLine, ShipTo
from sagaline.testing import happened

ORDER: Final = UUID("00000000-0000-4000-8000-000000000042")
TOTAL: Final = Money(amount=Decimal("19.98"), currency="USD")
SHIP_TO: Final = ShipTo(country="US", postcode="45202")
PLACED: Final = happened(
    Order.Placed,
    originator_id=ORDER,
    customer_id="900",
    lines=(
        OrderLine(sku="A1", quantity=2, unit_price=Money(amount=Decimal("9.99"), currency="USD")),
    ),
    total=TOTAL,
    payment_method="pm_card_visa",
    ship_to=SHIP_TO,
)
