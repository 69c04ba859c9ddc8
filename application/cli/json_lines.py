"""Orders and stock as they come in: JSON lines, each of which becomes a command or is rejected.

Whoever sent a line is told in words what is wrong with it. Nothing that comes in stops the lines
behind it, and of a line that is too long no more is kept than the limit.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import count
from typing import Any, BinaryIO, Final, Generic, NamedTuple, NoReturn, TypeVar
from uuid import UUID

from typing_extensions import override

from application.commands import PlaceOrder, ReceiveStock
from domain.errors import DomainError
from domain.money import DIGITS, PLACES, Money
from domain.order import MAX_LINES, OrderLine, ShipTo, merge, total_of
from sagaline import new_id

MAX_BYTES: Final = 1024 * 1024
"""Bytes of one line, without its end."""

MAX_QUANTITY: Final = 1_000_000
"""Pieces in one line of an order, or received at once."""

MAX_NAME: Final = 64
"""Characters of a customer id or a SKU."""

MAX_POSTCODE: Final = 16
"""Characters of a postcode; no country uses more than ten."""

SHOWN: Final = 40
"""Characters of the input that a reason repeats."""

METHODS: Final = re.compile(
    "pm_card_visa|pm_card_chargeDeclined|pm_card_insufficientFunds"
    "|pm_flaky_[0-9]{1,6}|pm_timeout|pm_refund_fails"
)
_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PRICE: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_BOM: Final = b"\xef\xbb\xbf"

_ORDER: Final = {"order_id", "customer_id", "currency", "lines", "payment_method", "ship_to"}
_ITEM: Final = {"sku", "quantity", "unit_price"}
_SHIP_TO: Final = {"country", "postcode"}
_STOCK: Final = {"sku", "quantity"}

Fields = dict[str, Any]
Asked = TypeVar("Asked", PlaceOrder, ReceiveStock)


class Accepted(NamedTuple, Generic[Asked]):
    """A line that is a command."""

    line_number: int
    command: Asked


class Rejected(NamedTuple):
    """A line that is none; the order id is what the line says, where it says one."""

    line_number: int
    order_id: UUID | None
    reason: str

    @override
    def __str__(self) -> str:
        return f"line {self.line_number}: {self.reason}"


class _Refused(Exception):
    """A line makes no sense; the message says why."""


def read_orders(stream: BinaryIO) -> Iterator[Accepted[PlaceOrder] | Rejected]:
    """The orders of a file, or why not, line by line. Never raises for what a line says."""
    return _read(stream, _order)


def read_stock(stream: BinaryIO) -> Iterator[Accepted[ReceiveStock] | Rejected]:
    """The stock received by a file, or why not, line by line. Never raises either."""
    return _read(stream, _stock)


def _read(
    stream: BinaryIO, command: Callable[[Fields], Asked]
) -> Iterator[Accepted[Asked] | Rejected]:
    for number, line in _lines(stream):
        fields: Fields = {}
        try:
            fields = _object(line)
            yield Accepted(number, command(fields))
        except _Refused as refused:
            yield Rejected(number, _known_id(fields), str(refused))


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Every line that is not blank, with its number; None for one that is too long."""
    for number in count(1):
        line = stream.readline(MAX_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_BYTES and not line.endswith(b"\n"):
            _skip_line(stream)
            yield number, None
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield number, line


def _skip_line(stream: BinaryIO) -> None:
    while (part := stream.readline(MAX_BYTES)) and not part.endswith(b"\n"):
        pass


def _once_each(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise _Refused(f"the field {_shown(name)} is given twice")
    return fields


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a number in JSON")


_json = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_number)


def _object(line: bytes | None) -> Fields:
    if line is None:
        raise _Refused(f"the line is longer than {MAX_BYTES} bytes")
    try:
        value = _json.decode(line.decode())
    except UnicodeDecodeError as error:
        raise _Refused(f"the line is not UTF-8 text from byte {error.start + 1} on") from None
    except json.JSONDecodeError as error:
        raise _Refused(f"the line is not JSON from character {error.pos + 1} on") from None
    except RecursionError:
        raise _Refused("the line is nested too deeply") from None
    except ValueError:
        # Python's limit on the digits of a whole number is all that is left.
        raise _Refused("a number has too many digits") from None
    return _mapping(value, "the line")


def _known_id(fields: Fields) -> UUID | None:
    try:
        return _order_id(fields)
    except _Refused:
        return None


def _order(fields: Fields) -> PlaceOrder:
    _check_names(fields, _ORDER, optional="order_id")
    currency = fields["currency"]
    if not isinstance(currency, str) or currency not in PLACES:
        raise _Refused(f'currency must be a known one such as "USD", not {_shown(currency)}')
    return PlaceOrder(
        order_id=_order_id(fields) or new_id(),
        customer_id=_name(fields, "customer_id"),
        lines=_order_lines(fields["lines"], currency),
        payment_method=_payment_method(fields["payment_method"]),
        ship_to=_ship_to(fields["ship_to"]),
    )


def _stock(fields: Fields) -> ReceiveStock:
    _check_names(fields, _STOCK)
    return ReceiveStock(sku=_name(fields, "sku"), quantity=_quantity(fields["quantity"]))


def _order_id(fields: Fields) -> UUID | None:
    if "order_id" not in fields:
        return None
    text = fields["order_id"]
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise _Refused(f"order_id must be a UUID of 36 characters, not {_shown(text)}")
    return UUID(text)


def _order_lines(items: object, currency: str) -> tuple[OrderLine, ...]:
    if not isinstance(items, list):
        raise _Refused(f"lines must be a list, not {_shown(items)}")
    if not 1 <= len(items) <= MAX_LINES:
        raise _Refused(f"an order must have 1 to {MAX_LINES} lines, not {len(items)}")
    try:
        lines = merge(_order_line(item, n, currency) for n, item in enumerate(items, 1))
        total_of(lines)
    except DomainError as error:
        raise _Refused(str(error).rstrip(".")) from None
    return lines


def _order_line(item: object, number: int, currency: str) -> OrderLine:
    try:
        fields = _mapping(item, "it")
        _check_names(fields, _ITEM)
        return OrderLine(
            sku=_name(fields, "sku"),
            quantity=_quantity(fields["quantity"]),
            unit_price=_price(fields["unit_price"], currency),
        )
    except _Refused as refused:
        raise _Refused(f"{refused} (line {number} of the order)") from None


def _payment_method(method: object) -> str:
    if not isinstance(method, str) or not METHODS.fullmatch(method):
        raise _Refused(f"payment_method is not a known one: {_shown(method)}")
    return method


def _ship_to(value: object) -> ShipTo:
    fields = _mapping(value, "ship_to")
    _check_names(fields, _SHIP_TO)
    country = fields["country"]
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        raise _Refused(f"country must be two letters from A to Z, not {_shown(country)}")
    return ShipTo(country=country, postcode=_text(fields, "postcode", 0, MAX_POSTCODE))


def _mapping(value: object, what: str) -> Fields:
    if not isinstance(value, dict):
        raise _Refused(f"{what} must be a JSON object, not {_shown(value)}")
    return value


def _check_names(fields: Fields, names: set[str], optional: str = "") -> None:
    if fields.keys() == names:
        return
    for name in fields:
        if name not in names:
            raise _Refused(f"there is no field {_shown(name)}")
    for name in sorted(names - fields.keys() - {optional}):
        raise _Refused(f"{name} is missing")


def _name(fields: Fields, name: str) -> str:
    return _text(fields, name, 1, MAX_NAME)


def _text(fields: Fields, name: str, least: int, most: int) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise _Refused(f"{name} must be text, not {_shown(value)}")
    if not least <= len(value) <= most:
        raise _Refused(f"{name} must have {least} to {most} characters, not {len(value)}")
    if not value.isprintable():
        raise _Refused(f"{name} must be printable, unlike {_shown(value)}")
    if value.strip() != value:
        raise _Refused(f"{name} must not begin or end with a space: {_shown(value)}")
    return value


def _quantity(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_QUANTITY:
        raise _Refused(
            f"quantity must be a whole number from 1 to {MAX_QUANTITY}, not {_shown(value)}"
        )
    return value


def _price(value: object, currency: str) -> Money:
    if not isinstance(value, str):
        raise _Refused(f'unit_price must be text such as "9.99", not {_shown(value)}')
    return _price_of(value, currency)


@lru_cache(maxsize=10_000)
def _price_of(text: str, currency: str) -> Money:
    # Kept, because a shop has far more order lines than prices.
    written = _PRICE.fullmatch(text)
    if written is None:
        raise _Refused(f'unit_price must be a decimal number such as "9.99", not {_shown(text)}')
    whole, fraction = written.groups(default="")
    if len(whole) > DIGITS:
        raise _Refused(f"unit_price must have at most {DIGITS} digits before the point")
    if len(fraction) > PLACES[currency]:
        raise _Refused(
            f"unit_price must have at most {PLACES[currency]} decimal places in {currency}"
        )
    amount = Decimal(text)
    if amount <= 0:
        raise _Refused(f"unit_price must be more than zero, not {_shown(text)}")
    return Money(amount=amount, currency=currency)


def _shown(value: object) -> str:
    """The input in a reason: short, on one line, and safe to print."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f'"{_printable(value[:SHOWN])}"' + ("..." if len(value) > SHOWN else "")
    return json.dumps(value)[:SHOWN]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[: 2 * SHOWN]
