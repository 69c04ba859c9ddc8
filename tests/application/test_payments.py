"""A payment is captured and refunded at most once, whatever the gateway answers and when."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from application.commands import RefundPayment, TakePayment
from application.payments import Payments
from application.ports import PortFault
from sagaline.application.message_handling import PORT_RETRY_PAUSE
from sagaline.messaging.faults import CommandFaulted
from tests.application.participants import NOON, ORDER, OTHER, AtWork, at_work, names, usd

TIMEOUT = 900
REFUND = RefundPayment(order_id=ORDER, amount=usd("19.98"))


@pytest.fixture
def payments(sqlite_store: str) -> Iterator[AtWork[Payments]]:
    with at_work(Payments, sqlite_store) as working:
        yield working


def take(method: str = "pm_card_visa", order_id: Any = ORDER) -> TakePayment:
    return TakePayment(order_id=order_id, amount=usd("19.98"), payment_method=method)


def test_money_is_captured_or_declined(payments: AtWork[Payments]) -> None:
    captured, declined = payments.told(take(), take("pm_card_chargeDeclined", OTHER))
    assert names([captured, declined]) == ["Payment.Captured", "Payment.Declined"]
    assert (captured.order_id, captured.amount) == (ORDER, usd("19.98"))
    assert captured.reference.startswith("ch_")
    assert (declined.order_id, declined.reason) == (OTHER, "card declined")
    assert payments.due() is None


def test_a_fault_is_recorded_and_only_the_saga_retries(payments: AtWork[Payments]) -> None:
    command = take("pm_flaky_2")
    for attempt in (1, 2):
        (fault,) = payments.told(command, attempt=attempt)
        assert isinstance(fault, CommandFaulted)
        assert (fault.command_id, fault.attempt) == (command.id, attempt)
        assert "out of order" in fault.reason
    assert payments.due() is None
    assert names(payments.told(command, attempt=3)) == ["Payment.Captured"]


def test_a_pending_outcome_is_requested_when_it_is_due(payments: AtWork[Payments]) -> None:
    assert names(payments.told(take("pm_timeout"))) == ["Payment.Pending"]
    assert payments.due() == NOON + timedelta(seconds=2 * TIMEOUT)
    payments.clock.pass_(2 * TIMEOUT - 1)
    assert payments.fired() == []
    payments.clock.pass_(1)
    (captured,) = payments.fired()
    assert (names([captured]), captured.amount) == (["Payment.Captured"], usd("19.98"))
    assert payments.due() is None
    assert payments.fired() == []


def test_a_repeated_command_finds_the_outcome_that_is_due(
    payments: AtWork[Payments],
) -> None:
    command = take("pm_timeout")
    payments.told(command)
    assert payments.told(command, attempt=2) == []
    assert payments.due() == NOON + timedelta(seconds=2 * TIMEOUT)
    payments.clock.pass_(2 * TIMEOUT)
    assert names(payments.told(command, attempt=3)) == ["Payment.Captured"]
    assert payments.fired() == []


def test_a_captured_payment_is_refunded_once(payments: AtWork[Payments]) -> None:
    payments.told(take())
    (refunded,) = payments.told(REFUND)
    assert (names([refunded]), refunded.amount) == (["Payment.Refunded"], usd("19.98"))
    assert payments.told(REFUND, REFUND, attempt=2) == []
    assert payments.told(take(), attempt=2) == []


def test_a_pending_payment_is_captured_and_refunded_in_one_transaction(
    payments: AtWork[Payments],
) -> None:
    payments.told(take("pm_timeout"))
    assert names(payments.told(REFUND)) == ["Payment.Captured", "Payment.Refunded"]
    assert payments.due() is None, "nobody waits for the answer any more"
    payments.clock.pass_(2 * TIMEOUT)
    assert payments.fired() == []
    assert payments.told(take("pm_timeout"), attempt=2) == []


def test_an_unrecorded_capture_is_recorded_and_refunded(
    payments: AtWork[Payments],
) -> None:
    payments.app.ask_gateway([take()])
    captured, refunded = payments.told(REFUND)
    assert names([captured, refunded]) == ["Payment.Captured", "Payment.Refunded"]
    assert captured.amount == refunded.amount == usd("19.98")
    assert captured.reference.startswith("ch_")
    assert payments.told(REFUND, attempt=2) == []


def test_a_payment_undone_before_its_capture_is_void_for_good(payments: AtWork[Payments]) -> None:
    assert names(payments.told(REFUND)) == ["Payment.Voided"]
    assert payments.told(REFUND, REFUND, attempt=2) == []
    assert payments.told(take()) == [], "it comes too late"
    (answer,) = payments.app.ask_gateway([take()])
    assert type(answer).__name__ == "Declined"


def test_a_declined_payment_that_is_undone_is_void(payments: AtWork[Payments]) -> None:
    payments.told(take("pm_card_insufficientFunds"))
    (voided,) = payments.told(REFUND)
    assert (names([voided]), voided.reason) == (["Payment.Voided"], "nothing was taken")
    assert payments.told(REFUND, attempt=2) == []


def test_a_payment_that_only_faulted_is_void_when_it_is_undone(payments: AtWork[Payments]) -> None:
    payments.told(take("pm_flaky_2"))
    assert names(payments.told(REFUND)) == ["Payment.Voided"]
    assert payments.told(take("pm_flaky_2"), attempt=2) == []


def test_a_refund_that_was_refused_is_granted_later(payments: AtWork[Payments]) -> None:
    payments.told(take("pm_refund_fails"))
    for attempt in (1, 2):
        (refused,) = payments.told(REFUND, attempt=attempt)
        assert (names([refused]), refused.reason) == (["Payment.RefundRefused"], "refund refused")
    gateway: Any = payments.app.gateway
    assert gateway.allow_refunds(ORDER)
    assert names(payments.told(REFUND, attempt=3)) == ["Payment.Refunded"]
    assert payments.told(REFUND, attempt=4) == []


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_chargeDeclined", "pm_timeout"])
def test_a_repeated_command_has_no_second_effect(payments: AtWork[Payments], method: str) -> None:
    assert len(payments.told(take(method), take(method))) == 1
    assert payments.told(take(method), attempt=2) == []


def test_a_payment_is_captured_and_refunded_in_one_batch(payments: AtWork[Payments]) -> None:
    events = payments.told(take(), REFUND)
    assert names(events) == ["Payment.Captured", "Payment.Refunded"]


def test_a_request_that_faults_when_an_outcome_is_due_is_repeated(
    payments: AtWork[Payments], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise PortFault("the line is dead")

    payments.told(take("pm_timeout"))
    payments.clock.pass_(2 * TIMEOUT)
    with monkeypatch.context() as patch:
        patch.setattr(payments.app.gateway, "capture_all", fail)
        for pause in (PORT_RETRY_PAUSE, 2 * PORT_RETRY_PAUSE, 4 * PORT_RETRY_PAUSE):
            assert payments.fired() == []
            assert payments.due() == payments.clock() + pause
            payments.clock.pass_(pause.total_seconds())
    assert names(payments.fired()) == ["Payment.Captured"]
    repeats = [each for each in caplog.messages if "is given again in" in each]
    assert [each.partition("again in ")[2].partition(",")[0] for each in repeats] == [
        "5 s", "10 s", "20 s",
    ]  # fmt: skip
    assert all("To end that: sagaline timers cancel settle:" in each for each in repeats)
