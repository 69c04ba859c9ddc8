"""An amount of money in one currency, exact to the smallest coin."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, GetPydanticSchema
from pydantic_core import core_schema
from typing_extensions import override

from domain.errors import (
    AmountNotExact,
    AmountOutOfBounds,
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
"""Digits before the point; every database column has room for them."""

_LIMIT: Final = Decimal(10) ** DIGITS
_COIN: Final = {currency: Decimal(1).scaleb(-places) for currency, places in PLACES.items()}

# A context of its own, because the caller's may round: here an inexact result is an error.
_EXACT: Final = Context(prec=DIGITS * 4, traps=[Inexact, InvalidOperation])


def _amount(_source: object, _handler: object) -> core_schema.CoreSchema:
    # Pydantic's core checks it without calling Python, because every order line has a price.
    decimal = core_schema.decimal_schema(ge=Decimal(0), lt=_LIMIT)
    text = core_schema.chain_schema([core_schema.str_schema(strict=True), decimal])
    whole = core_schema.chain_schema([core_schema.int_schema(strict=True), decimal])
    exact = core_schema.decimal_schema(strict=True, ge=Decimal(0), lt=_LIMIT)
    return core_schema.custom_error_schema(
        core_schema.json_or_python_schema(
            json_schema=core_schema.union_schema([text, whole], mode="left_to_right"),
            python_schema=core_schema.union_schema([exact, text, whole], mode="left_to_right"),
        ),
        custom_error_type="amount",
        custom_error_message=f"An amount is an exact decimal number, or its text, from 0 to below"
        f" {_LIMIT:f}; never a float",
    )


class Money(BaseModel):
    """An exact amount in one currency: never a float, never negative, never below one coin.

    A refund is an event of its own, not a negative amount. The amount has all decimal places of its
    currency, so equal amounts have one form.

    >>> str(Money(amount=Decimal("9.99"), currency="USD") * 2)
    '19.98 USD'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Annotated[Decimal, GetPydanticSchema(_amount)]
    currency: str

    @override
    def model_post_init(self, context: Any) -> None:
        """Checks the amount against its currency."""
        amount, coin = self.amount, _COIN.get(self.currency)
        if coin is None:
            raise UnknownCurrency(currency=self.currency, known=", ".join(sorted(PLACES)))
        if not amount or not amount.same_quantum(coin):
            self.__dict__["amount"] = _in_coins(amount, self.currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """The amount zero."""
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
            raise self._out_of_bounds(f"{self.amount} * {times}") from None

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
        # Not validated again, because sums and multiples of whole coins are whole coins.
        if not 0 <= amount < _LIMIT:
            raise self._out_of_bounds(amount)
        money = self.__new__(type(self))
        object.__setattr__(money, "__dict__", {"amount": amount, "currency": self.currency})
        object.__setattr__(money, "__pydantic_fields_set__", {"amount", "currency"})
        object.__setattr__(money, "__pydantic_extra__", None)
        object.__setattr__(money, "__pydantic_private__", None)
        return money

    def _out_of_bounds(self, amount: object) -> AmountOutOfBounds:
        return AmountOutOfBounds(amount=amount, currency=self.currency, limit=_LIMIT)


def _in_coins(amount: Decimal, currency: str) -> Decimal:
    if int(amount.as_tuple().exponent) < -PLACES[currency]:
        raise AmountNotExact(amount=amount, currency=currency, places=PLACES[currency])
    return abs(amount.quantize(_COIN[currency], context=_EXACT))
