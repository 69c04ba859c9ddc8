"""An amount of money in one currency, exact to the smallest coin."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, field_validator
from typing_extensions import override

from domain.errors import (
    AmountNotDecimal,
    AmountNotExact,
    AmountTooLarge,
    CurrencyMismatch,
    UnknownCurrency,
)

_TWO_PLACES: Final = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR MXN MYR NOK NZD PHP PLN RON SEK SGD THB"
    " TRY USD ZAR"
)
PLACES: Final = (
    dict.fromkeys(_TWO_PLACES.split(), 2)
    | dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "VND"), 0)
    | dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3)
)
"""Decimal places of each currency (ISO 4217)."""

DIGITS: Final = 12
"""Digits before the point: as many as any database column and any person can handle."""

_LIMIT: Final = Decimal(10) ** DIGITS
_COIN: Final = {currency: Decimal(1).scaleb(-places) for currency, places in PLACES.items()}

# An own context, because the caller's may round: here an inexact result is an error.
_EXACT: Final = Context(prec=DIGITS * 4, traps=[Inexact, InvalidOperation])


class Money(BaseModel):
    """An exact amount in one currency: never a float, never finer than the smallest coin.

    The amount is kept with all places of its currency, so that equal amounts are written alike.

    >>> str(Money(amount=Decimal("9.99"), currency="USD") * 2)
    '19.98 USD'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal
    currency: str

    @field_validator("amount", mode="before")
    @classmethod
    def _is_exact(cls, amount: Any) -> Any:
        if isinstance(amount, float | bool):
            raise AmountNotDecimal(amount=amount)
        return amount

    @override
    def model_post_init(self, context: Any) -> None:
        """Checks the amount against its currency."""
        self.__dict__["amount"] = _in_coins(self.amount, self.currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """No money, in this currency."""
        return cls(amount=Decimal(0), currency=currency)

    def __add__(self, other: Money) -> Money:
        self._of_one_currency(other)
        return self._with(_EXACT.add(self.amount, other.amount))

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            return NotImplemented
        try:
            return self._with(_EXACT.multiply(self.amount, times))
        except Inexact:
            raise _too_large(f"{self.amount} * {times}", self.currency) from None

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        self._of_one_currency(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._of_one_currency(other)
        return self.amount <= other.amount

    @override
    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def _of_one_currency(self, other: object) -> None:
        if not isinstance(other, Money) or self.currency != other.currency:
            raise CurrencyMismatch(left=self, right=other)

    def _with(self, amount: Decimal) -> Money:
        # Not validated anew, because sums and multiples of whole coins are whole coins.
        if not -_LIMIT < amount < _LIMIT:
            raise _too_large(amount, self.currency)
        money = self.__new__(type(self))
        object.__setattr__(money, "__dict__", {"amount": amount, "currency": self.currency})
        object.__setattr__(money, "__pydantic_fields_set__", {"amount", "currency"})
        object.__setattr__(money, "__pydantic_extra__", None)
        object.__setattr__(money, "__pydantic_private__", None)
        return money


def _in_coins(amount: Decimal, currency: str) -> Decimal:
    coin = _COIN.get(currency)
    if coin is None:
        raise UnknownCurrency(currency=currency, known=", ".join(sorted(PLACES)))
    if not -_LIMIT < amount < _LIMIT:
        raise _too_large(amount, currency)
    if not amount.same_quantum(coin):
        if int(amount.as_tuple().exponent) < -PLACES[currency]:
            raise AmountNotExact(amount=amount, currency=currency, places=PLACES[currency])
        amount = amount.quantize(coin, context=_EXACT)
    return _EXACT.plus(amount)  # so that there is no zero below zero


def _too_large(amount: object, currency: str) -> AmountTooLarge:
    return AmountTooLarge(amount=amount, currency=currency, digits=DIGITS)
