"""The whole shop: orders in, and each of them at its one right end, with the books in balance."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import create_engine, text

from application.commands import PlaceOrder, ReceiveStock
from application.inventory import Inventory
from application.orders import Orders
from application.payments import Payments
from application.settings import Settings
from application.system import APPLICATIONS, timings
from domain.money import Money
from domain.order import OrderLine, ShipTo
from projections import READ_MODELS
from sagaline import Command, Runner, System, Timing, hours
from sagaline.rebuilding.rebuild import rebuild
from sagas.order_fulfilment import OrderFulfilment
from tests.invariants import ends, violations

SHOP = UUID("5f0b0f3e-0000-4000-8000-000000000000")
VISA = "pm_card_visa"
STUCK = "stuck"


class Clock:
    """A clock that the test moves, also while the runner looks at it."""

    def __init__(self) -> None:
        self._time = datetime.now(UTC)
        self._lock = Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._time

    def pass_(self, time: timedelta) -> None:
        with self._lock:
            self._time += time


class Shop:
    """The shop at work on a store."""

    def __init__(self, runner: Runner, url: str, clock: Clock) -> None:
        self.runner = runner
        self.url = url
        self.clock = clock

    def receives(self, **stock: int) -> None:
        commands = [ReceiveStock(sku=sku, quantity=count) for sku, count in stock.items()]
        self._accepted(self.runner.get(Inventory).execute(commands))

    def takes(self, *orders: Command) -> None:
        self._accepted(self.runner.get(Orders).execute(orders))

    def goes_on(self, time: timedelta = timedelta(minutes=1)) -> None:
        """Lets time pass until nobody waits for anything."""
        self.runner.settle(horizon=0)
        for _ in range(200):
            if self.runner.settled():
                return
            self.clock.pass_(time)
            self.runner.settle(horizon=0)
        raise TimeoutError("There is always something that is waited for.")

    def statuses(self) -> dict[UUID, tuple[str, str | None]]:
        """How each order ended, and why."""
        found = self.query("SELECT order_id, status, reason FROM order_list")
        return {UUID(str(each)): (status, reason) for each, status, reason in found}

    def timeline(self, order_id: UUID) -> list[str]:
        sql = (
            f"SELECT event FROM order_timeline WHERE order_id = '{order_id}' "
            "ORDER BY hop, happened_at, application, id"
        )
        return [name for (name,) in self.query(sql)]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        engine = create_engine(self.url)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(sql))]
        finally:
            engine.dispose()

    def _accepted(self, receipts: list[Any]) -> None:
        assert [each.error for each in receipts if each.error is not None] == []


@contextmanager
def open_shop(url: str, changed: Mapping[str, Timing] | None = None) -> Iterator[Shop]:
    steps = timings(Settings()) | dict(changed or {})
    system = System(
        "shop",
        applications=APPLICATIONS,
        sagas=[OrderFulfilment],
        unlocked=[OrderFulfilment],
        read_models=READ_MODELS,
        timings={OrderFulfilment: steps},
    )
    clock = Clock()
    with Runner(system, {"SQLALCHEMY_URL": url}, now=clock) as runner:
        shop = Shop(runner, url, clock)
        yield shop
        found = {each.view: each.differences for each in rebuild(system, runner.env, verify=True)}
        assert {name: each for name, each in found.items() if each} == {}
        assert shop.query("SELECT * FROM dead_letters") == []


@pytest.fixture
def shop(store_url: str) -> Iterator[Shop]:
    with open_shop(store_url) as opened:
        yield opened


def order_id(name: str) -> UUID:
    return uuid5(SHOP, name)


def order(name: str, method: str = VISA, country: str = "US", **lines: int) -> PlaceOrder:
    price = Money(amount=Decimal("9.99"), currency="USD")
    wanted = lines or {"A1": 1}
    return PlaceOrder(
        order_id=order_id(name),
        customer_id="900",
        lines=tuple(
            OrderLine(sku=sku, quantity=count, unit_price=price) for sku, count in wanted.items()
        ),
        payment_method=method,
        ship_to=ShipTo(country=country, postcode="45202"),
    )


def test_every_order_comes_to_its_one_right_end(shop: Shop) -> None:
    shop.receives(A1=100, B2=3)
    shop.takes(
        order("good"),
        order("two lines", A1=2, B2=1),
        order("declined", "pm_card_chargeDeclined"),
        order("no money", "pm_card_insufficientFunds"),
        order("unknown card", "pm_nothing"),
        order("flaky", "pm_flaky_2"),
        order("too flaky", "pm_flaky_7"),
        order("late", "pm_timeout"),
        order("nowhere", country="ZZ"),
        order("late and nowhere", "pm_timeout", "ZZ"),
        order("no refund but shipped", "pm_refund_fails"),
        order("unknown SKU", A1=1, Z9=1),
        order("shortage", A1=1, B2=3),
        order("enough is left", B2=2),
    )
    shop.goes_on()
    expected: dict[str, tuple[str, str | None]] = {
        "good": ("completed", None),
        "two lines": ("completed", None),
        "declined": ("cancelled", "card declined"),
        "no money": ("cancelled", "insufficient funds"),
        "unknown card": ("cancelled", "unknown payment method"),
        "flaky": ("completed", None),
        "too flaky": ("cancelled", "PortFault: the gateway is out of order (attempt 3)"),
        "late": ("cancelled", "take_payment: no answer within 15 min"),
        "nowhere": ("cancelled", "undeliverable address"),
        "late and nowhere": ("cancelled", "take_payment: no answer within 15 min"),
        "no refund but shipped": ("completed", None),
        "unknown SKU": ("cancelled", "unknown SKU Z9"),
        "shortage": ("cancelled", "not enough B2: 3 wanted, 2 available"),
        "enough is left": ("completed", None),
    }
    assert shop.statuses() == {order_id(name): end for name, end in expected.items()}
    assert violations(shop.url, settled=True) == []
    states = Counter(shop.query("SELECT state FROM saga_list"))
    assert states == {("completed",): 5, ("compensated",): 9}


def test_money_that_comes_late_is_waited_for_where_the_system_says_so(store_url: str) -> None:
    patient = {"take_payment": Timing(within=hours(2))}
    with open_shop(store_url, patient) as shop:
        shop.receives(A1=10)
        shop.takes(order("late", "pm_timeout"), order("nowhere", "pm_timeout", "ZZ"))
        shop.goes_on()
        assert shop.statuses() == {
            order_id("late"): ("completed", None),
            order_id("nowhere"): ("cancelled", "undeliverable address"),
        }
        assert violations(store_url, settled=True) == []
        assert "Payment.Pending" in shop.timeline(order_id("late"))


def test_settings_shorten_the_timeouts(sqlite_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PAYMENT_TIMEOUT", "30")
    monkeypatch.setenv("SHOP_RETRY_BASE", "0.5")
    with open_shop(sqlite_store) as shop:
        shop.receives(A1=10)
        shop.takes(order("late", "pm_timeout"), order("flaky", "pm_flaky_2"))
        started = shop.clock()
        shop.goes_on(timedelta(seconds=1))
        assert shop.clock() - started < timedelta(seconds=35)
        assert shop.statuses() == {
            order_id("late"): ("cancelled", "take_payment: no answer within 30 s"),
            order_id("flaky"): ("completed", None),
        }
        assert violations(sqlite_store, settled=True) == []


def test_a_refund_that_is_refused_parks_the_saga_and_holds_up_nobody(shop: Shop) -> None:
    shop.receives(A1=10)
    shop.takes(order("stuck", "pm_refund_fails", "ZZ"), order("good"))
    shop.goes_on()
    stuck = order_id("stuck")
    assert shop.statuses() == {
        stuck: ("attention", "take_payment: refund refused"),
        order_id("good"): ("completed", None),
    }
    assert shop.query("SELECT state, step, reason FROM saga_list WHERE state <> 'completed'") == [
        ("parked", "take_payment", "refund refused")
    ]
    assert violations(shop.url, settled=True) == [f"{stuck}: attention, which is no end"]
    assert violations(shop.url, settled=False) == []
    assert shop.query("SELECT on_hand, reserved, available FROM stock_level") == [(9, 0, 9)]
    told = shop.timeline(stuck)
    assert told.count("Payment.RefundRefused") == 3
    assert (told.count("RefundPayment"), told.count("Reservation.Released")) == (3, 1)


def test_an_order_placed_again_while_it_is_open_is_one_order(shop: Shop) -> None:
    shop.receives(A1=10)
    for _ in range(3):
        shop.takes(order("good"), order("declined", "pm_card_chargeDeclined"))
    shop.goes_on()
    assert ends(shop.url) == {"completed": 1, "cancelled": 1}
    assert violations(shop.url, settled=True) == []


def test_many_orders_compete_for_the_last_pieces(shop: Shop) -> None:
    shop.receives(A1=7, B2=4)
    names = [f"order {number}" for number in range(30)]
    shop.takes(*(order(each, A1=1, B2=1) for each in names[::2]))
    shop.takes(*(order(each, A1=1) for each in names[1::2]))
    shop.goes_on()
    assert ends(shop.url) == {"completed": 7, "cancelled": 23}
    levels = shop.query("SELECT sku, on_hand, reserved, available FROM stock_level ORDER BY sku")
    assert levels == [("A1", 0, 0, 0), ("B2", 0, 0, 0)]
    assert violations(shop.url, settled=True) == []


def test_a_shop_that_was_closed_on_the_way_goes_on_when_it_opens(store_url: str) -> None:
    with open_shop(store_url) as shop:
        shop.receives(A1=10)
        shop.takes(order("late", "pm_timeout"), order("flaky", "pm_flaky_2"))
        shop.runner.settle(horizon=0)
    with open_shop(store_url) as shop:
        shop.takes(order("good"))
        shop.goes_on()
        assert ends(store_url) == {"completed": 2, "cancelled": 1}
        assert violations(store_url, settled=True) == []


def test_each_application_may_have_a_store_of_its_own(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("orders", "payments"):
        monkeypatch.setenv(f"{name.upper()}_SQLALCHEMY_URL", f"sqlite:///{tmp_path / name}.db")
    monkeypatch.setenv("SAGALINE_VIEWS", f"sqlite:///{tmp_path / 'views.db'}")
    with open_shop(f"sqlite:///{tmp_path / 'rest.db'}") as shop:
        shop.url = f"sqlite:///{tmp_path / 'views.db'}"
        shop.receives(A1=10)
        shop.takes(order("good"), order("flaky", "pm_flaky_1"), order("nowhere", country="ZZ"))
        shop.goes_on()
        assert shop.statuses() == {
            order_id("good"): ("completed", None),
            order_id("flaky"): ("completed", None),
            order_id("nowhere"): ("cancelled", "undeliverable address"),
        }
        assert shop.runner.get(Payments).datastore.url.endswith("payments.db")
