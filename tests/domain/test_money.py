"""Money is exact, of one currency, and bounded."""

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import AmountOutOfBounds, CurrencyMismatch
from domain.money import PLACES, Money


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


coins = st.integers(min_value=0, max_value=10**13)


def test_money_is_written_with_all_places_of_its_currency() -> None:
    assert str(usd("9.9") * 2) == "19.80 USD"
    assert str(Money(amount=Decimal(1200), currency="JPY")) == "1200 JPY"
    assert str(Money(amount=Decimal("1.5"), currency="KWD")) == "1.500 KWD"


def test_equal_amounts_are_equal_in_every_notation() -> None:
    assert usd("5E+2") == usd("500") == usd("500.00")
    assert hash(usd("5E+2")) == hash(usd("500.00"))
    assert usd("-0").model_dump_json() == usd("0").model_dump_json()


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("9.999", "USD", "2 decimal places"),
        ("9.990", "USD", "2 decimal places"),
        ("1e-400", "USD", "2 decimal places"),
        ("1.5", "JPY", "0 decimal places"),
        (9.99, "USD", "exact decimal"),
        (True, "USD", "exact decimal"),
        ("NaN", "USD", "exact decimal"),
        ("-Infinity", "USD", "exact decimal"),
        ("1000000000000", "USD", "exact decimal number.*below 1000000000000"),
        ("1e999999", "USD", "exact decimal number.*below 1000000000000"),
        ("1", "usd", "not a currency that this shop knows"),
        ("1", "DOGE", "not a currency that this shop knows"),
        ("ten", "USD", "exact decimal"),
        ("-0.01", "USD", "from 0"),
    ],
)
def test_an_inexact_amount_is_refused_with_the_reason(amount: Any, currency: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Money(amount=amount, currency=currency)


def test_a_number_in_json_is_no_exact_amount() -> None:
    with pytest.raises(ValidationError, match="exact decimal"):
        Money.model_validate_json('{"amount": 9.99, "currency": "USD"}')


@pytest.mark.parametrize("currency", sorted(PLACES))
def test_the_smallest_coin_of_each_currency_is_an_amount(currency: str) -> None:
    coin = Decimal(1).scaleb(-PLACES[currency])
    assert Money(amount=coin, currency=currency).amount == coin


@given(coins, coins)
def test_sums_are_exact(left: int, right: int) -> None:
    total = usd(f"{left}e-2") + usd(f"{right}e-2")
    assert total == usd(f"{left + right}e-2")
    assert total.model_dump_json() == usd(f"{left + right}e-2").model_dump_json()


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_multiples_are_exact(price: int, quantity: int) -> None:
    assert (
        usd(f"{price}e-2") * quantity
        == quantity * usd(f"{price}e-2")
        == usd(f"{price * quantity}e-2")
    )


def test_sums_are_exact_where_the_surrounding_code_rounds() -> None:
    with localcontext(Context(prec=3)):
        assert str(usd("999999.99") + usd("0.01")) == "1000000.00 USD"
        assert str(usd("333333.33") * 3) == "999999.99 USD"


def test_amounts_of_two_currencies_do_not_mix() -> None:
    euro = Money(amount=Decimal(1), currency="EUR")
    for mix in (
        lambda: usd("1") + euro,
        lambda: usd("1") < euro,
        lambda: usd("1") >= euro,
        lambda: usd("1") + 1,  # type: ignore[operator]
    ):
        with pytest.raises(CurrencyMismatch):
            mix()
    assert usd("1") != euro


def test_amounts_of_one_currency_are_in_order() -> None:
    assert usd("1") < usd("1.01") <= usd("1.01") < usd("2")
    assert usd("2") > usd("1") >= usd("1")
    assert max(usd("1"), usd("3"), usd("2")) == usd("3")


def test_an_amount_too_large_or_below_zero_is_refused() -> None:
    most = usd("999999999999.99")
    with pytest.raises(AmountOutOfBounds):
        most + usd("0.01")
    with pytest.raises(AmountOutOfBounds):
        most * 10**60
    with pytest.raises(AmountOutOfBounds):
        most * -1


def test_money_is_not_multiplied_by_a_fraction() -> None:
    for factor in (1.5, Decimal("1.5"), True):
        with pytest.raises(TypeError):
            usd("1") * factor  # type: ignore[operator]


def test_money_is_immutable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        usd("1").amount = Decimal(2)  # type: ignore[misc]
