"""The simulated gateway: how the payment method steers it, and what it records."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from application.ports import Captured, Declined, Pending, PortFault, RefundDeclined, Refunded
from domain.money import Money
from tests.application.one_by_one import SingleGateway

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = uuid4()
PRICE = Money(amount=Decimal("19.98"), currency="USD")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def gateway(store: str) -> Iterator[SingleGateway]:
    gateway = SingleGateway(store, payment_timeout=60, clock=lambda: NOW)
    yield gateway
    gateway.close()


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("pm_card_chargeDeclined", "card declined"),
        ("pm_card_insufficientFunds", "insufficient funds"),
        ("pm_card_unheard_of", "unknown payment method"),
        ("pm_flaky_", "unknown payment method"),
    ],
)
def test_a_payment_is_declined_with_the_reason(
    gateway: SingleGateway, method: str, reason: str
) -> None:
    assert gateway.capture("a", ORDER, PRICE, method) == Declined(reason)


def test_a_delayed_answer_is_pending_for_twice_the_payment_timeout(gateway: SingleGateway) -> None:
    owed = gateway.capture("a", ORDER, PRICE, "pm_timeout")
    assert owed == Pending(NOW + timedelta(seconds=120))


def test_a_settled_payment_is_not_pending(gateway: SingleGateway) -> None:
    gateway.capture("a", ORDER, PRICE, "pm_timeout")
    settled = gateway.settle("a")
    assert isinstance(settled, Captured)
    assert gateway.capture("a", ORDER, PRICE, "pm_timeout") == settled


def test_each_key_has_its_own_faults(gateway: SingleGateway) -> None:
    for key in ("a", "b"):
        with pytest.raises(PortFault, match=r"out of order \(attempt 1\)"):
            gateway.capture(key, ORDER, PRICE, "pm_flaky_1")
    for key in ("a", "b"):
        assert isinstance(gateway.capture(key, ORDER, PRICE, "pm_flaky_1"), Captured)
    assert isinstance(gateway.capture("c", ORDER, PRICE, "pm_flaky_0"), Captured)


def test_refunds_are_allowed_from_another_process(gateway: SingleGateway, store: str) -> None:
    gateway.capture("a", ORDER, PRICE, "pm_refund_fails")
    assert gateway.refund("r", "a") == RefundDeclined("refund refused")
    script = (
        "from datetime import UTC, datetime\n"
        "from uuid import UUID\n"
        "from tests.application.one_by_one import SingleGateway\n"
        f"gateway = SingleGateway({store!r}, 60, lambda: datetime.now(UTC))\n"
        f"print(gateway.allow_refunds(UUID({str(ORDER)!r})))\n"
        "gateway.close()\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True)
    assert said.stdout.split() == [b"True"]
    assert gateway.refund("r", "a") == Refunded(PRICE)


def test_allowing_refunds_returns_whether_there_is_a_payment(gateway: SingleGateway) -> None:
    assert not gateway.allow_refunds(ORDER)
    gateway.capture("a", ORDER, PRICE, "pm_refund_fails")
    assert gateway.allow_refunds(ORDER)
    assert gateway.allow_refunds(ORDER)
    assert gateway.refund("r", "a") == Refunded(PRICE)


def test_the_records_are_in_a_file_beside_the_shops(gateway: SingleGateway, tmp_path: Path) -> None:
    gateway.capture("a", ORDER, PRICE, "pm_card_visa")
    gateway.refund("r", "a")
    assert not (tmp_path / "shop.db").exists()
    books = sqlite3.connect(tmp_path / "shop.outside.db")
    columns = "key, order_id, amount, currency, outcome, refund_key"
    rows = books.execute(f"SELECT {columns} FROM outside_payments").fetchall()
    books.close()
    assert rows == [("a", str(ORDER), "19.98", "USD", "captured", "r")]


def test_a_shop_in_memory_has_a_gateway_in_memory_of_its_own() -> None:
    first, second = (SingleGateway("sqlite://", 60, lambda: NOW) for _ in range(2))
    first.capture("a", ORDER, PRICE, "pm_card_chargeDeclined")
    assert isinstance(second.capture("a", ORDER, PRICE, "pm_card_visa"), Captured)
    first.close()
    second.close()
