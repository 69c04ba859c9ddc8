"""Reads orders and stock from JSON lines: each line becomes a command, or is rejected.

The reason of a rejection is for the sender of the line. A rejected line stops no other, and of a
line that is too long only the limit is held in memory.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, BinaryIO, Final, Generic, NamedTuple, NoReturn, TypeVar
from uuid import UUID

from typing_extensions import override

from application.adapters import PAYMENT_METHODS
from application.cli import fields as checked
from application.cli.fields import Fields, Refused, check_names, mapping, shown
from application.commands import PlaceOrder, ReceiveStock
from domain.errors import DomainError
from domain.order import MAX_LINES, OrderLine, ShipTo, merge, total_of
from sagaline import new_id

MAX_BYTES: Final = 1024 * 1024
"""Bytes of one line, without its end."""

MAX_POSTCODE: Final = 16
"""Characters of a postcode; no country uses more than ten."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_BOM: Final = b"\xef\xbb\xbf"

_ORDER: Final = {"order_id", "customer_id", "currency", "lines", "payment_method", "ship_to"}
_ITEM: Final = {"sku", "quantity", "unit_price"}
_SHIP_TO: Final = {"country", "postcode"}
_STOCK: Final = {"sku", "quantity"}

C = TypeVar("C", PlaceOrder, ReceiveStock)


class Accepted(NamedTuple, Generic[C]):
    """A line that became a command."""

    line_number: int
    command: C


class Rejected(NamedTuple):
    """A line that became none, with its order id if it has a valid one."""

    line_number: int
    order_id: UUID | None
    reason: str

    @override
    def __str__(self) -> str:
        return f"line {self.line_number}: {self.reason}"


def read_orders(stream: BinaryIO) -> Iterator[Accepted[PlaceOrder] | Rejected]:
    """Reads orders, line by line. Raises nothing for the content of a line."""
    return _read(stream, _order)


def read_stock(stream: BinaryIO) -> Iterator[Accepted[ReceiveStock] | Rejected]:
    """Reads received stock, line by line. Raises nothing for the content of a line."""
    return _read(stream, _stock)


def _read(stream: BinaryIO, command: Callable[[Fields], C]) -> Iterator[Accepted[C] | Rejected]:
    for number, line in _lines(stream):
        fields: Fields = {}
        try:
            fields = _object(line)
            yield Accepted(number, command(fields))
        except Refused as refused:
            yield Rejected(number, _valid_id(fields), str(refused))


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


def _unique(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise Refused(f"the field {shown(name)} is given twice")
    return fields


def _no_number(name: str) -> NoReturn:
    raise Refused(f"{name} is not a number in JSON")


_json = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)


def _object(line: bytes | None) -> Fields:
    if line is None:
        raise Refused(f"the line is longer than {MAX_BYTES} bytes")
    try:
        value = _json.decode(line.decode())
    except UnicodeDecodeError as error:
        raise Refused(f"the line is not UTF-8 text from byte {error.start + 1} on") from None
    except json.JSONDecodeError as error:
        raise Refused(f"the line is not JSON from character {error.pos + 1} on") from None
    except RecursionError:
        raise Refused("the line is nested too deeply") from None
    except ValueError:
        # The only other ValueError is Python's limit on the digits of a whole number.
        raise Refused("a number has too many digits") from None
    return mapping(value, "the line")


def _valid_id(fields: Fields) -> UUID | None:
    try:
        return checked.uuid(fields.get("order_id"), "order_id")
    except Refused:
        return None


def _order(fields: Fields) -> PlaceOrder:
    check_names(fields, _ORDER, optional="order_id")
    currency = checked.currency(fields["currency"])
    given = "order_id" in fields
    return PlaceOrder(
        order_id=checked.uuid(fields["order_id"], "order_id") if given else new_id(),
        customer_id=checked.text(fields, "customer_id"),
        lines=_order_lines(fields["lines"], currency),
        payment_method=_payment_method(fields["payment_method"]),
        ship_to=_ship_to(fields["ship_to"]),
    )


def _stock(fields: Fields) -> ReceiveStock:
    check_names(fields, _STOCK)
    return ReceiveStock(
        sku=checked.text(fields, "sku"), quantity=checked.quantity(fields["quantity"])
    )


def _order_lines(items: object, currency: str) -> tuple[OrderLine, ...]:
    if not isinstance(items, list):
        raise Refused(f"lines must be a list, not {shown(items)}")
    if not 1 <= len(items) <= MAX_LINES:
        raise Refused(f"an order must have 1 to {MAX_LINES} lines, not {len(items)}")
    try:
        lines = merge(_order_line(item, n, currency) for n, item in enumerate(items, 1))
        total_of(lines)
    except DomainError as error:
        raise Refused(str(error).rstrip(".")) from None
    return lines


def _order_line(item: object, number: int, currency: str) -> OrderLine:
    try:
        fields = mapping(item, "it")
        check_names(fields, _ITEM)
        return OrderLine(
            sku=checked.text(fields, "sku"),
            quantity=checked.quantity(fields["quantity"]),
            unit_price=checked.price(fields["unit_price"], currency),
        )
    except Refused as refused:
        raise Refused(f"{refused} (line {number} of the order)") from None


def _payment_method(method: object) -> str:
    if not isinstance(method, str) or not PAYMENT_METHODS.fullmatch(method):
        raise Refused(f"payment_method is not a known one: {shown(method)}")
    return method


def _ship_to(value: object) -> ShipTo:
    fields = mapping(value, "ship_to")
    check_names(fields, _SHIP_TO)
    country = fields["country"]
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        raise Refused(f"country must be two letters from A to Z, not {shown(country)}")
    return ShipTo(country=country, postcode=checked.text(fields, "postcode", 0, MAX_POSTCODE))
