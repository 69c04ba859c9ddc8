"""The order flow by choreography has the same ends and rows as by orchestration."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from application.commands import PlaceOrder, ReceiveStock, RefundPayment
from application.inventory import Inventory
from application.orders import Orders
from application.payments import Payments
from application.ports import Capture, Captured, Pending, PortFault, Refund, RefundDeclined
from application.shipping import Shipping
from application.system import system as orchestrated
from sagaline import Runner, System, minutes, seconds
from sagaline.admin.timeline import timeline
from sagaline.errors import StoreOfAnotherSystem
from sagaline.rebuilding.rebuild import rebuild
from sagaline.system.environment import environment
from sagas.choreography import system as choreographed
from tests.invariants import ends, violations
from tests.test_shop import Clock, Shop, order, order_id

LATE = "take_payment: no answer within 15 min"


class Choreographed(Shop):
    """The shop by choreography."""

    @property
    def gateway(self) -> Any:
        return self.runner.get(Payments).gateway

    def letters(self) -> list[tuple[Any, ...]]:
        return self.query("SELECT follower, error FROM dead_letters")

    def verified(self, system: System) -> list[str]:
        """The read tables that a rebuild would change."""
        found = rebuild(system, self.runner.env, verify=True)
        return [each.view for each in found if each.differences]

    def table(self, name: str, *left_out: str) -> Counter[tuple[str, ...]]:
        """The rows of a read table, without columns that depend on clocks and on other orders."""
        columns = [each.name for each in _table(name).columns if each.name not in left_out]
        rows = self.query(f"SELECT {', '.join(columns)} FROM {name}")
        return Counter(tuple(map(str, row)) for row in rows)


def _table(name: str) -> Any:
    (found,) = [each.table for each in orchestrated.read_models if each.table.name == name]
    return found


@contextmanager
def open_shop(url: str, system: System = choreographed) -> Iterator[Choreographed]:
    clock = Clock()
    with Runner(system, {"SQLALCHEMY_URL": url}, now=clock) as runner:
        shop = Choreographed(runner, url, clock)
        yield shop
        assert shop.verified(system) == []


@pytest.fixture
def shop(store_url: str) -> Iterator[Choreographed]:
    with open_shop(store_url) as opened:
        yield opened


def every_kind_of_order() -> list[PlaceOrder]:
    return [
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
        order("flaky and nowhere", "pm_flaky_1", "ZZ"),
        order("no refund but shipped", "pm_refund_fails"),
        order("stuck", "pm_refund_fails", "ZZ"),
        order("unknown SKU", A1=1, Z9=1),
        order("shortage", A1=1, B2=3),
        order("enough is left", B2=2),
    ]


def all_tables(shop: Choreographed) -> dict[str, Counter[tuple[str, ...]]]:
    told = shop.table("order_timeline", "id", "hop", "happened_at")
    return {
        "order_list": shop.table("order_list", "placed_at", "updated_at"),
        "order_detail": shop.table("order_detail"),
        "payment_ledger": shop.table("payment_ledger", "id", "happened_at"),
        "stock_level": shop.table("stock_level"),
        "sales_by_day": shop.table("sales_by_day"),
        # What the saga tells itself is the only thing that nobody tells without it.
        "order_timeline": Counter({r: n for r, n in told.items() if "OrderFulfilment" not in r}),
    }


def test_both_kinds_of_saga_write_the_same_rows(store_url: str, tmp_path: Path) -> None:
    found = []
    for url, system in (
        (f"sqlite:///{tmp_path / 'led.db'}", orchestrated),
        (store_url, choreographed),
    ):
        with open_shop(url, system) as shop:
            shop.receives(A1=100, B2=3)
            shop.takes(*every_kind_of_order())
            shop.goes_on()
            found.append(all_tables(shop))
            sagas = shop.query("SELECT count(*) FROM saga_list")
    led, danced = found
    assert sum(led["order_list"].values()) == len(every_kind_of_order())
    for name, rows in led.items():
        assert danced[name] == rows, name
    assert sagas == [(0,)], "there is no saga to list"


def test_every_order_comes_to_its_one_right_end(shop: Choreographed) -> None:
    shop.receives(A1=100, B2=3)
    shop.takes(*(each for each in every_kind_of_order() if each.order_id != order_id("stuck")))
    shop.goes_on()
    expected: dict[str, tuple[str, str | None]] = {
        "good": ("completed", None),
        "two lines": ("completed", None),
        "declined": ("cancelled", "card declined"),
        "no money": ("cancelled", "insufficient funds"),
        "unknown card": ("cancelled", "unknown payment method"),
        "flaky": ("completed", None),
        "too flaky": ("cancelled", "PortFault: the gateway is out of order (attempt 3)"),
        "late": ("cancelled", LATE),
        "nowhere": ("cancelled", "undeliverable address"),
        "late and nowhere": ("cancelled", LATE),
        "flaky and nowhere": ("cancelled", "undeliverable address"),
        "no refund but shipped": ("completed", None),
        "unknown SKU": ("cancelled", "unknown SKU Z9"),
        "shortage": ("cancelled", "not enough B2: 3 wanted, 2 available"),
        "enough is left": ("completed", None),
    }
    assert shop.statuses() == {order_id(name): end for name, end in expected.items()}
    assert violations(shop.url, settled=True) == []
    assert shop.letters() == []


def test_the_timeline_shows_which_context_reacted_to_which_event(shop: Choreographed) -> None:
    shop.receives(A1=10)
    shop.takes(order("nowhere", country="ZZ"))
    shop.goes_on()
    told = timeline(shop.runner.apps, str(order_id("nowhere")))
    by_place = {each.position: each.name for each in told}
    assert [(each.hop, each.name, by_place.get(each.cause or "")) for each in told] == [
        (0, "Order.Placed", None),
        (1, "Stock.Reserved", "Order.Placed"),
        (1, "Reservation.Made", "Order.Placed"),
        (2, "Payment.Captured", "Reservation.Made"),
        (3, "Shipment.Refused", "Payment.Captured"),
        (4, "Payment.Refunded", "Shipment.Refused"),
        (5, "Stock.Released", "Payment.Refunded"),
        (5, "Reservation.Released", "Payment.Refunded"),
        (6, "Order.Cancelled", "Reservation.Released"),
    ]
    assert {each.key for each in told} == {str(order_id("nowhere"))}


def test_a_payment_captured_after_its_timeout_is_refunded_and_nothing_is_shipped(
    shop: Choreographed,
) -> None:
    shop.receives(A1=10)
    shop.takes(order("late", "pm_timeout"))
    shop.goes_on(minutes(14))
    assert shop.timeline(order_id("late"))[3:] == [
        "Payment.Pending",
        "Payment.Captured",
        "Payment.Refunded",
        "Stock.Released",
        "Reservation.Released",
        "Order.Cancelled",
    ]
    shop.clock.pass_(minutes(60))
    shop.goes_on()
    assert ends(shop.url) == {"cancelled": 1}
    assert violations(shop.url, settled=True) == []


def test_an_answer_before_the_timeout_takes_the_order_forward(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture_all = shop.gateway.capture_all
    due = shop.clock() + minutes(10)

    def hesitate(captures: Sequence[Capture]) -> Any:
        answers = capture_all(captures)
        return answers if shop.clock() >= due else [Pending(due)] * len(captures)

    monkeypatch.setattr(shop.gateway, "capture_all", hesitate)
    shop.receives(A1=10)
    shop.takes(order("hesitant"))
    shop.goes_on(minutes(4))
    told = shop.timeline(order_id("hesitant"))
    assert told[3:6] == ["Payment.Pending", "Payment.Captured", "Shipment.Booked"]
    assert violations(shop.url, settled=True) == []


def test_a_timeout_while_the_shop_was_stopped_undoes_the_payment(
    store_url: str,
) -> None:
    with open_shop(store_url) as shop:
        shop.receives(A1=10)
        shop.takes(order("late", "pm_timeout"), order("flaky", "pm_flaky_1"))
        shop.runner.settle(horizon=0)
    with open_shop(store_url) as shop:
        shop.clock.pass_(minutes(600))
        shop.takes(order("good"))
        shop.goes_on()
        assert "Shipment.Booked" not in shop.timeline(order_id("late"))
        assert shop.statuses()[order_id("late")] == ("cancelled", LATE)
        assert shop.statuses()[order_id("good")] == ("completed", None)
        assert violations(store_url, settled=True) == []


def test_retries_end_at_the_timeout_of_the_step(
    sqlite_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PAYMENT_TIMEOUT", "60")
    monkeypatch.setenv("SHOP_RETRY_BASE", "50")
    with open_shop(sqlite_store) as shop:
        shop.receives(A1=10)
        started = shop.clock()
        shop.takes(order("flaky", "pm_flaky_2"))
        shop.goes_on(seconds(10))
        assert shop.clock() - started == seconds(60)
        assert shop.statuses() == {
            order_id("flaky"): ("cancelled", "take_payment: no answer within 1 min")
        }
        assert shop.timeline(order_id("flaky")).count("CommandFaulted") == 2
        assert violations(sqlite_store, settled=True) == []


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


def test_a_refund_that_is_given_up_waits_for_a_person_and_delays_no_other_order(
    shop: Choreographed,
) -> None:
    stuck = order_id("stuck")
    shop.receives(A1=10)
    shop.takes(order("stuck", "pm_refund_fails", "ZZ"), order("good"))
    shop.goes_on()
    assert shop.statuses() == {
        stuck: ("attention", "take_payment: refund refused"),
        order_id("good"): ("completed", None),
    }
    assert shop.query("SELECT on_hand, reserved, available FROM stock_level") == [(9, 0, 9)]
    assert shop.timeline(stuck).count("Payment.RefundRefused") == 3

    ask_again = RefundPayment(order_id=stuck)
    shop.runner.get(Payments).refund(ask_again)
    shop.goes_on()
    assert shop.statuses()[stuck] == ("attention", "take_payment: refund refused")

    shop.gateway.allow_refunds(stuck)
    shop.runner.get(Payments).refund(RefundPayment(order_id=stuck))
    shop.goes_on()
    assert shop.statuses()[stuck] == ("cancelled", "undeliverable address")
    assert {"Payment.Refunded", "Order.Cancelled"} < set(shop.timeline(stuck))
    assert violations(shop.url, settled=True) == []


def test_a_refund_that_always_faults_waits_for_a_person_too(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = order_id("stuck")
    shop.receives(A1=10)
    with monkeypatch.context() as patch:
        patch.setattr(shop.gateway, "refund_all", fail)
        shop.takes(order("stuck", country="ZZ"))
        shop.goes_on()
    assert shop.statuses() == {stuck: ("attention", "take_payment: PortFault: the line is dead")}
    assert shop.timeline(stuck).count("CommandFaulted") == 3
    shop.runner.get(Payments).refund(RefundPayment(order_id=stuck))
    shop.goes_on()
    assert violations(shop.url, settled=True) == []


def test_a_refund_succeeds_after_some_faults(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund_all = shop.gateway.refund_all
    answers: list[Any] = [fail, decline]
    monkeypatch.setattr(
        shop.gateway, "refund_all", lambda asked: (answers.pop() if answers else refund_all)(asked)
    )
    shop.receives(A1=10)
    shop.takes(order("nowhere", country="ZZ"))
    shop.goes_on()
    assert shop.timeline(order_id("nowhere"))[4:8] == [
        "Shipment.Refused",
        "Payment.RefundRefused",
        "CommandFaulted",
        "Payment.Refunded",
    ]
    assert violations(shop.url, settled=True) == []


def test_an_unrecorded_capture_is_refunded_and_nothing_is_shipped(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture_all = shop.gateway.capture_all
    monkeypatch.setattr(
        shop.gateway, "capture_all", lambda captures: (capture_all(captures), fail())[1]
    )
    shop.receives(A1=10)
    shop.takes(order("unheard"))
    shop.goes_on()
    told = shop.timeline(order_id("unheard"))
    assert told[-5:-3] == ["Payment.Captured", "Payment.Refunded"]
    assert "Shipment.Booked" not in told
    assert shop.statuses()[order_id("unheard")] == ("cancelled", "PortFault: the line is dead")
    assert violations(shop.url, settled=True) == []


def test_an_outcome_that_stays_unknown_waits_for_a_person(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.receives(A1=10)
    for port in ("capture_all", "settle_all", "refund_all"):
        monkeypatch.setattr(shop.gateway, port, fail)
    shop.takes(order("dark"))
    shop.goes_on()
    ((follower, error),) = shop.letters()
    assert follower == "Payments"
    assert error.startswith("PortGivenUp: Payments has tried RefundPayment 3 times")
    assert shop.statuses()[order_id("dark")] == ("placed", None)


def test_a_booking_that_always_faults_waits_for_a_person(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier: Any = shop.runner.get(Shipping).carrier
    shop.receives(A1=10)
    with monkeypatch.context() as patch:
        patch.setattr(carrier, "book_all", fail)
        shop.takes(order("waiting"))
        shop.goes_on()
    ((follower, error),) = shop.letters()
    assert (follower, "BookShipment" in error) == ("Shipping", True)
    shop.takes(order("good"))
    shop.goes_on()
    assert shop.statuses()[order_id("good")] == ("completed", None)


def test_a_booking_is_retried_after_faults(
    shop: Choreographed, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier: Any = shop.runner.get(Shipping).carrier
    book_all, answers = carrier.book_all, [fail, fail]
    monkeypatch.setattr(
        carrier, "book_all", lambda asked: (answers.pop() if answers else book_all)(asked)
    )
    shop.receives(A1=10)
    shop.takes(order("slow"))
    shop.goes_on(seconds(1))
    assert violations(shop.url, settled=True) == []
    assert ends(shop.url) == {"completed": 1}


def test_a_refund_before_the_capture_undoes_the_order(store_url: str) -> None:
    early = order_id("early")
    for context, command in (
        (Inventory, ReceiveStock(sku="A1", quantity=10)),
        (Orders, order("early")),
        (Payments, RefundPayment(order_id=early, because="the customer called")),
    ):
        application = context(env=environment({"SQLALCHEMY_URL": store_url}))
        application.execute_one(command)
        application.close()
    with open_shop(store_url) as shop:
        shop.goes_on()
        told = shop.timeline(early)
        assert {"Payment.Voided", "Reservation.Released", "Order.Cancelled"} < set(told)
        assert not {"Payment.Captured", "Shipment.Booked"} & set(told)
        assert shop.statuses()[early][0] == "cancelled"
        assert violations(store_url, settled=True) == []
        assert shop.letters() == []


def test_an_order_placed_again_while_it_is_open_is_one_order(
    shop: Choreographed,
) -> None:
    shop.receives(A1=10)
    for _ in range(3):
        shop.takes(order("good"), order("declined", "pm_card_chargeDeclined"))
    shop.goes_on()
    assert ends(shop.url) == {"completed": 1, "cancelled": 1}
    assert violations(shop.url, settled=True) == []


def test_many_orders_compete_for_the_last_pieces(shop: Choreographed) -> None:
    shop.receives(A1=7, B2=4)
    names = [f"order {number}" for number in range(30)]
    shop.takes(*(order(each, A1=1, B2=1) for each in names[::2]))
    shop.takes(*(order(each, A1=1) for each in names[1::2]))
    shop.goes_on()
    assert ends(shop.url) == {"completed": 7, "cancelled": 23}
    assert violations(shop.url, settled=True) == []


def test_each_context_may_have_a_store_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("orders", "payments"):
        monkeypatch.setenv(f"{name.upper()}_SQLALCHEMY_URL", f"sqlite:///{tmp_path / name}.db")
    with open_shop(f"sqlite:///{tmp_path / 'rest.db'}") as shop:
        shop.receives(A1=10)
        shop.takes(order("good"), order("flaky", "pm_flaky_1"), order("nowhere", country="ZZ"))
        shop.goes_on()
        assert Counter(status for status, _ in shop.statuses().values()) == {
            "completed": 2,
            "cancelled": 1,
        }


@pytest.mark.parametrize(
    ("first", "second"), [(orchestrated, choreographed), (choreographed, orchestrated)]
)
def test_a_store_of_one_kind_is_refused_by_the_other(
    store_url: str, first: System, second: System
) -> None:
    with open_shop(store_url, first) as shop:
        shop.takes(order("good"))
    with pytest.raises(StoreOfAnotherSystem):
        Runner(second, {"SQLALCHEMY_URL": store_url})


def test_each_context_follows_only_the_logs_that_it_reacts_to() -> None:
    followed = {name: set(choreographed.leaders_of[name]) for name in choreographed.nodes}
    assert followed == {
        "Orders": {"Inventory", "Payments"},
        "Inventory": {"Orders", "Payments", "Shipping"},
        "Payments": {"Inventory", "Shipping"},
        "Shipping": {"Payments"},
    }


def fail(*_: object) -> Captured:
    raise PortFault("the line is dead")


def decline(refunds: Sequence[Refund]) -> list[RefundDeclined]:
    return [RefundDeclined("not now")] * len(refunds)
