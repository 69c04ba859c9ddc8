"""The payment of one order is captured at most once, and refunded at most once."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.errors import PaymentNotCaptured, PaymentNotPending
from domain.money import Money
from domain.payment import (
    Payment,
    PaymentCaptured,
    PaymentDeclined,
    PaymentPending,
    PaymentRefunded,
    PaymentVoided,
    RefundRefused,
    Status,
)
from sagaline.testing import given, happened

ORDER = UUID("11111111-1111-4111-8111-111111111111")
PRICE = Money(amount=Decimal("19.98"), currency="USD")

pending = happened(PaymentPending, order_id=ORDER, amount=PRICE)
captured = happened(PaymentCaptured, order_id=ORDER, amount=PRICE, reference="ch_1")
declined = happened(PaymentDeclined, order_id=ORDER, reason="card declined")
voided = happened(PaymentVoided, order_id=ORDER, reason="no answer in time")
refunded = happened(PaymentRefunded, order_id=ORDER, amount=PRICE)
refund_refused = happened(RefundRefused, order_id=ORDER, reason="bank closed")


def test_money_is_captured_at_once() -> None:
    (
        given(Payment)
        .when(Payment.capture, ORDER, PRICE, "ch_1")
        .then(PaymentCaptured, order_id=ORDER, amount=PRICE, reference="ch_1")
        .with_state(status=Status.CAPTURED, payment_id=Payment.id_of(ORDER), amount=PRICE)
    )


def test_a_card_is_declined_at_once() -> None:
    (
        given(Payment)
        .when(Payment.decline, ORDER, "card declined")
        .then(PaymentDeclined, order_id=ORDER, reason="card declined")
        .with_state(status=Status.DECLINED)
    )


def test_a_payment_may_be_pending() -> None:
    (
        given(Payment)
        .when(Payment.await_answer, ORDER, PRICE)
        .then(PaymentPending, order_id=ORDER, amount=PRICE)
        .with_state(status=Status.PENDING)
    )


def test_undoing_an_unknown_payment_voids_it() -> None:
    (
        given(Payment)
        .when(Payment.void, ORDER, "nothing was taken")
        .then(PaymentVoided, order_id=ORDER, reason="nothing was taken")
        .with_state(status=Status.VOIDED)
    )


def test_a_pending_payment_is_captured_by_the_same_event() -> None:
    (
        given(Payment, pending)
        .when(Payment.settle_captured, "ch_1")
        .then(PaymentCaptured, order_id=ORDER, amount=PRICE, reference="ch_1")
        .with_state(status=Status.CAPTURED, reference="ch_1")
    )


def test_a_pending_payment_is_declined() -> None:
    (
        given(Payment, pending)
        .when(Payment.settle_declined, "card declined")
        .then(PaymentDeclined, order_id=ORDER, reason="card declined")
        .with_state(status=Status.DECLINED)
    )


@pytest.mark.parametrize("before", [pending, declined])
def test_a_pending_or_declined_payment_can_be_voided(before: Any) -> None:
    (
        given(Payment, before)
        .when(Payment.settle_void, "no answer in time")
        .then(PaymentVoided, order_id=ORDER, reason="no answer in time")
        .with_state(status=Status.VOIDED)
    )


@pytest.mark.parametrize(
    "known", [[captured], [voided], [captured, refunded]], ids=["captured", "voided", "refunded"]
)
@pytest.mark.parametrize(
    "settle", [Payment.settle_captured, Payment.settle_declined, Payment.settle_void]
)
def test_a_known_outcome_cannot_be_settled_again(known: list[Any], settle: Any) -> None:
    given(Payment, *known).when(settle, "late").then_raises(PaymentNotPending, order_id=ORDER)


def test_a_declined_payment_cannot_be_captured() -> None:
    given(Payment, declined).when(Payment.settle_captured, "ch_1").then_raises(PaymentNotPending)


@pytest.mark.parametrize(
    "before",
    [[captured], [pending, captured]],
    ids=["captured at once", "captured after a while"],
)
def test_a_captured_payment_is_refunded_in_full(before: list[Any]) -> None:
    (
        given(Payment, *before)
        .when(Payment.refund)
        .then(PaymentRefunded, order_id=ORDER, amount=PRICE)
        .with_state(status=Status.REFUNDED)
    )


def test_a_refused_refund_leaves_the_payment_captured_and_can_be_retried() -> None:
    (
        given(Payment, captured)
        .when(Payment.refuse_refund, "bank closed")
        .then(RefundRefused, order_id=ORDER, reason="bank closed")
        .with_state(status=Status.CAPTURED)
    )
    (
        given(Payment, captured, refund_refused)
        .when(Payment.refund)
        .then(PaymentRefunded, amount=PRICE)
    )


def refuse_refund(payment: Payment) -> None:
    payment.refuse_refund("bank closed")


@pytest.mark.parametrize(
    "before",
    [[pending], [declined], [voided], [captured, refunded]],
    ids=["pending", "declined", "voided", "refunded"],
)
@pytest.mark.parametrize("act", [Payment.refund, refuse_refund])
def test_only_a_captured_payment_is_refunded_and_only_once(before: list[Any], act: Any) -> None:
    given(Payment, *before).when(act).then_raises(PaymentNotCaptured, order_id=ORDER)
