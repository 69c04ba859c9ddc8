"""Order lines for the shop's command line."""

import json
from collections.abc import Iterable
from typing import Any

GOOD = "00000000-0000-4000-8000-000000000001"
DECLINED = "00000000-0000-4000-8000-000000000002"
STUCK = "00000000-0000-4000-8000-000000000003"


def order(order_id: str = GOOD, **changed: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "customer_id": "900",
        "currency": "USD",
        "lines": [{"sku": "A1", "quantity": 2, "unit_price": "9.99"}],
        "payment_method": "pm_card_visa",
        "ship_to": {"country": "US", "postcode": "45202"},
        **changed,
    }


def json_lines(lines: Iterable[Any]) -> str:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in lines)


ACCEPTED = (
    order(GOOD),
    order(DECLINED, customer_id="901", payment_method="pm_card_chargeDeclined"),
    order(
        STUCK,
        payment_method="pm_refund_fails",
        ship_to={"country": "ZZ", "postcode": "45202"},
    ),
)
