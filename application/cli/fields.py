"""Checks of the fields of a JSON object; each refusal says in words what is wrong."""

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from domain.money import DIGITS, PLACES, Money

MAX_QUANTITY: Final = 1_000_000
"""Pieces in one line of an order, or received at once."""

MAX_NAME: Final = 64
"""Characters of a customer id or a SKU."""

SHOWN: Final = 40
"""Characters of the input that a reason repeats."""

_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PRICE: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")

Fields = dict[str, Any]


class Refused(Exception):
    """A field is invalid; the message says why."""


def mapping(value: object, what: str) -> Fields:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Refused(f"{what} must be a JSON object, not {shown(value)}")
    return value


def check_names(fields: Fields, names: set[str], optional: str = "") -> None:
    """Refuses unknown and missing fields."""
    if fields.keys() == names:
        return
    for name in fields:
        if name not in names:
            raise Refused(f"there is no field {shown(name)}")
    for name in sorted(names - fields.keys() - {optional}):
        raise Refused(f"{name} is missing")


def text(fields: Fields, name: str, least: int = 1, most: int = MAX_NAME) -> str:
    """A printable text of `least` to `most` characters."""
    value = fields[name]
    if not isinstance(value, str):
        raise Refused(f"{name} must be text, not {shown(value)}")
    if not least <= len(value) <= most:
        raise Refused(f"{name} must have {least} to {most} characters, not {len(value)}")
    if not value.isprintable():
        raise Refused(f"{name} must be printable, unlike {shown(value)}")
    if value.strip() != value:
        raise Refused(f"{name} must not begin or end with a space: {shown(value)}")
    return value


def uuid(value: object, name: str) -> UUID:
    """A UUID in its form of 36 characters."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Refused(f"{name} must be a UUID of 36 characters, not {shown(value)}")
    return UUID(value)


def quantity(value: object) -> int:
    """A number of pieces."""
    if type(value) is not int or not 1 <= value <= MAX_QUANTITY:
        raise Refused(
            f"quantity must be a whole number from 1 to {MAX_QUANTITY}, not {shown(value)}"
        )
    return value


def currency(value: object) -> str:
    """A currency that the shop knows."""
    if not isinstance(value, str) or value not in PLACES:
        raise Refused(f'currency must be a known one such as "USD", not {shown(value)}')
    return value


def price(value: object, currency: str) -> Money:
    """An exact price above zero, as text."""
    if not isinstance(value, str):
        raise Refused(f'unit_price must be text such as "9.99", not {shown(value)}')
    return _price_of(value, currency)


@lru_cache(maxsize=10_000)  # a shop has far more order lines than prices
def _price_of(text: str, currency: str) -> Money:
    written = _PRICE.fullmatch(text)
    if written is None:
        raise Refused(f'unit_price must be a decimal number such as "9.99", not {shown(text)}')
    whole, fraction = written.groups(default="")
    if len(whole) > DIGITS:
        raise Refused(f"unit_price must have at most {DIGITS} digits before the point")
    if len(fraction) > PLACES[currency]:
        raise Refused(
            f"unit_price must have at most {PLACES[currency]} decimal places in {currency}"
        )
    amount = Decimal(text)
    if amount <= 0:
        raise Refused(f"unit_price must be more than zero, not {shown(text)}")
    return Money(amount=amount, currency=currency)


def shown(value: object) -> str:
    """A value in a reason: short, on one line, and safe to print."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f'"{_printable(value[:SHOWN])}"' + ("..." if len(value) > SHOWN else "")
    return json.dumps(value)[:SHOWN]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[: 2 * SHOWN]
