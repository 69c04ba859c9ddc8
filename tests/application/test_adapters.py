"""A shop with a real gateway and a real carrier has no simulated outside world."""

from pathlib import Path

import pytest

from application import adapters
from application.commands import BookShipment, TakePayment
from application.payments import Payments
from application.shipping import Shipping
from domain.payment import Payment
from tests.application.participants import ORDER, SHIP_TO, at_work, names, usd
from tests.application.real_adapters import RealCarrier, RealGateway


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "payment_gateway", lambda *_: RealGateway())
    monkeypatch.setattr(adapters, "carrier", lambda *_: RealCarrier())


@pytest.mark.usefixtures("real")
def test_real_adapters_are_chosen_in_one_place_and_open_no_simulated_store(
    sqlite_store: str, tmp_path: Path
) -> None:
    payment = Payment.id_of(ORDER)
    with at_work(Payments, sqlite_store) as payments:
        take = TakePayment(order_id=ORDER, amount=usd("19.98"), payment_method="pm_real")
        (captured,) = payments.told(take)
        assert captured.reference == f"real {payment}"
    with at_work(Shipping, sqlite_store) as shipping:
        book = BookShipment(order_id=ORDER, payment_id=payment, ship_to=SHIP_TO)
        assert names(shipping.told(book)) == ["Shipment.Booked"]
    assert not list(tmp_path.glob("*outside*"))
