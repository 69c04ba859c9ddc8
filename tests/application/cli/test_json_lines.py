"""Valid lines become commands, and invalid ones are rejected with a reason."""

import io
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.cli.json_lines import Accepted, Rejected, read_orders, read_stock
from application.commands import PlaceOrder, ReceiveStock
from domain.order import ShipTo

ORDER_ID = "00000000-0000-4000-8000-000000000001"


def item(**changes: Any) -> dict[str, Any]:
    return {"sku": "A1", "quantity": 2, "unit_price": "9.99"} | changes


def order(**changes: Any) -> dict[str, Any]:
    fields = {
        "order_id": ORDER_ID,
        "customer_id": "900",
        "currency": "USD",
        "lines": [item()],
        "payment_method": "pm_card_visa",
        "ship_to": {"country": "US", "postcode": "45202"},
    } | changes
    return {name: value for name, value in fields.items() if value is not LEFT_OUT}


LEFT_OUT = object()


def read(*lines: Any) -> list[Accepted[PlaceOrder] | Rejected]:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(read_orders(io.BytesIO(b"\n".join(texts))))


def placed(*lines: Any) -> PlaceOrder:
    (accepted,) = read(*lines)
    assert isinstance(accepted, Accepted), accepted
    command: PlaceOrder = accepted.command
    return command


def refusal(*lines: Any) -> str:
    (rejected,) = read(*lines)
    assert isinstance(rejected, Rejected), rejected
    return rejected.reason


def test_an_order_line_becomes_a_command() -> None:
    command = placed(order())
    assert str(command.order_id) == ORDER_ID
    assert command.customer_id == "900"
    assert command.payment_method == "pm_card_visa"
    assert command.ship_to == ShipTo(country="US", postcode="45202")
    (line,) = command.lines
    assert (line.sku, line.quantity) == ("A1", 2)
    assert (line.unit_price.amount, line.unit_price.currency) == (Decimal("9.99"), "USD")


def test_an_order_id_sent_twice_in_any_case_is_one_command() -> None:
    first, second = (placed(order(order_id=ORDER_ID.replace("4", c))) for c in "aA")
    assert first == second
    assert first.id == second.id != placed(order()).id


def test_a_given_command_id_is_kept() -> None:
    command = placed(order())
    given_id = uuid.uuid4()
    assert PlaceOrder(**(dict(command) | {"id": given_id})).id == given_id
    assert PlaceOrder.model_validate_json(command.model_dump_json()) == command


def test_an_order_without_an_id_gets_one_of_its_own() -> None:
    first, second = (placed(order(order_id=LEFT_OUT)) for _ in range(2))
    assert first.order_id != second.order_id
    assert first.id != second.id


def test_lines_of_one_sku_at_one_price_are_merged() -> None:
    lines = [item(), item(sku="B2"), item(quantity=3, unit_price="9.99")]
    merged = placed(order(lines=lines)).lines
    assert [(line.sku, line.quantity) for line in merged] == [("A1", 5), ("B2", 2)]


def test_the_same_price_may_be_written_in_two_ways() -> None:
    lines = [item(unit_price="9.9"), item(unit_price="09.90")]
    (merged,) = placed(order(lines=lines)).lines
    assert merged.quantity == 4


@pytest.mark.parametrize(
    "method",
    [
        "pm_card_visa",
        "pm_card_chargeDeclined",
        "pm_card_insufficientFunds",
        "pm_flaky_0",
        "pm_flaky_3",
        "pm_flaky_999999",
        "pm_timeout",
        "pm_refund_fails",
    ],
)
def test_the_payment_methods_of_the_gateway_are_accepted(method: str) -> None:
    assert placed(order(payment_method=method)).payment_method == method


def test_the_largest_order_is_accepted() -> None:
    lines = [item(sku=f"{n:064}", quantity=1_000_000, unit_price="999.99") for n in range(1, 1_001)]
    ship_to = {"country": "ZZ", "postcode": "x" * 16}
    command = placed(order(customer_id="c" * 64, lines=lines, ship_to=ship_to))
    assert len(command.lines) == 1_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        # The order as a whole.
        ({"order_id": None}, "order_id must be a UUID of 36 characters, not null"),
        ({"order_id": "12"}, 'order_id must be a UUID of 36 characters, not "12"'),
        ({"order_id": ORDER_ID.replace("-", "")}, "order_id must be a UUID of 36 characters"),
        ({"order_id": f"urn:uuid:{ORDER_ID}"}, "order_id must be a UUID of 36 characters"),
        ({"order_id": ORDER_ID.replace("00", "0_", 1)}, "order_id must be a UUID"),
        ({"order_id": ORDER_ID + "\n"}, "order_id must be a UUID"),
        ({"customer_id": 900}, "customer_id must be text, not 900"),
        ({"customer_id": ""}, "customer_id must have 1 to 64 characters, not 0"),
        ({"customer_id": "x" * 1_000_000}, "customer_id must have 1 to 64 characters, not 1000000"),
        ({"customer_id": "a\0b"}, r'customer_id must be printable, unlike "a\x00b"'),
        ({"customer_id": "a\nb"}, r'customer_id must be printable, unlike "a\nb"'),
        ({"customer_id": "a\u2028b"}, r'customer_id must be printable, unlike "a\u2028b"'),
        ({"customer_id": "\ud800"}, r'customer_id must be printable, unlike "\ud800"'),
        ({"customer_id": " 900"}, 'customer_id must not begin or end with a space: " 900"'),
        ({"customer_id": LEFT_OUT}, "customer_id is missing"),
        ({"currency": "XYZ"}, 'currency must be a known one such as "USD", not "XYZ"'),
        ({"currency": "usd"}, 'currency must be a known one such as "USD", not "usd"'),
        ({"currency": ["USD"]}, 'currency must be a known one such as "USD", not a list'),
        ({"payment_method": "cash"}, 'payment_method is not a known one: "cash"'),
        ({"payment_method": "pm_flaky_"}, "payment_method is not a known one"),
        ({"payment_method": "pm_flaky_-1"}, "payment_method is not a known one"),
        ({"payment_method": "pm_flaky_\u0663"}, "payment_method is not a known one"),
        ({"payment_method": "pm_flaky_1234567"}, "payment_method is not a known one"),
        ({"payment_method": "pm_card_visa "}, "payment_method is not a known one"),
        ({"payment_method": None}, "payment_method is not a known one: null"),
        ({"ship_to": "home"}, 'ship_to must be a JSON object, not "home"'),
        ({"ship_to": {"country": "US"}}, "postcode is missing"),
        (
            {"ship_to": {"country": "us", "postcode": ""}},
            'country must be two letters from A to Z, not "us"',
        ),
        (
            {"ship_to": {"country": "US\n", "postcode": ""}},
            r'country must be two letters from A to Z, not "US\n"',
        ),
        ({"ship_to": {"country": "US", "postcode": 45202}}, "postcode must be text, not 45202"),
        (
            {"ship_to": {"country": "US", "postcode": "x" * 17}},
            "postcode must have 0 to 16 characters, not 17",
        ),
        ({"colour": "red"}, 'there is no field "colour"'),
        ({"\n\ud800" * 50: 1}, r'there is no field "\n\ud800'),
        ({"lines": LEFT_OUT}, "lines is missing"),
        ({"lines": []}, "an order must have 1 to 1000 lines, not 0"),
        ({"lines": [item()] * 10_000}, "an order must have 1 to 1000 lines, not 10000"),
        ({"lines": {}}, "lines must be a list, not an object"),
        (
            {"lines": [item(), item(unit_price="9.98")]},
            "A1 is ordered at 9.99 USD and at 9.98 USD",
        ),
        (
            {"lines": [item(unit_price="9" * 12, quantity=1_000_000)]},
            "999999999999000000.00 USD is",
        ),
    ],
)
def test_an_invalid_order_is_rejected_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    assert_told(refusal(order(**changes)), reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": 0}, "quantity must be a whole number from 1 to 1000000, not 0"),
        ({"quantity": -1}, "quantity must be a whole number from 1 to 1000000, not -1"),
        ({"quantity": 1_000_001}, "quantity must be a whole number from 1 to 1000000, not 1000001"),
        ({"quantity": 10**4000}, "quantity must be a whole number from 1 to 1000000, not 1000"),
        ({"quantity": True}, "quantity must be a whole number from 1 to 1000000, not true"),
        ({"quantity": 2.0}, "quantity must be a whole number from 1 to 1000000, not 2.0"),
        ({"quantity": "2"}, 'quantity must be a whole number from 1 to 1000000, not "2"'),
        ({"quantity": None}, "quantity must be a whole number from 1 to 1000000, not null"),
        ({"unit_price": "0"}, 'unit_price must be more than zero, not "0"'),
        ({"unit_price": "-0.00"}, 'unit_price must be more than zero, not "-0.00"'),
        ({"unit_price": "-1"}, 'unit_price must be more than zero, not "-1"'),
        ({"unit_price": 9.99}, 'unit_price must be text such as "9.99", not 9.99'),
        ({"unit_price": 9}, 'unit_price must be text such as "9.99", not 9'),
        ({"unit_price": True}, 'unit_price must be text such as "9.99", not true'),
        ({"unit_price": "9.999"}, "unit_price must have at most 2 decimal places in USD"),
        ({"unit_price": "1" * 20}, "unit_price must have at most 12 digits before the point"),
        ({"unit_price": "1" * 900_000}, "unit_price must have at most 12 digits"),
        ({"unit_price": "1e3"}, 'unit_price must be a decimal number such as "9.99", not "1e3"'),
        ({"unit_price": "NaN"}, 'unit_price must be a decimal number such as "9.99", not "NaN"'),
        ({"unit_price": "1,50"}, "unit_price must be a decimal number"),
        ({"unit_price": ".5"}, "unit_price must be a decimal number"),
        ({"unit_price": "5."}, "unit_price must be a decimal number"),
        ({"unit_price": "\u0663"}, "unit_price must be a decimal number"),
        ({"unit_price": "1\n"}, "unit_price must be a decimal number"),
        ({"sku": ""}, "sku must have 1 to 64 characters, not 0"),
        ({"sku": "x" * 65}, "sku must have 1 to 64 characters, not 65"),
        ({"sku": "A\x7f"}, r'sku must be printable, unlike "A\x7f"'),
        ({"colour": "red"}, 'there is no field "colour"'),
    ],
)
def test_an_invalid_line_of_an_order_is_named(changes: dict[str, Any], reason: str) -> None:
    told = refusal(order(lines=[item(sku="B2"), item(**changes)]))
    assert_told(told, reason)
    assert told.endswith(" (line 2 of the order)")


def test_decimal_places_are_those_of_the_currency() -> None:
    yen = order(currency="JPY", lines=[item(unit_price="500.5")])
    assert refusal(yen).startswith("unit_price must have at most 0 decimal places in JPY")
    dinar = order(currency="KWD", lines=[item(unit_price="1.125")])
    assert placed(dinar).lines[0].unit_price.amount == Decimal("1.125")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "the line is not JSON from character "),
        (b'{"a":', "the line is not JSON from character 7 on"),
        (b"hello", "the line is not JSON from character 1 on"),
        (b'{"a": 1} {"b": 2}', "the line is not JSON from character 10 on"),
        (b"{'a': 1}", "the line is not JSON from character 2 on"),
        (b'{"a": "x\ty"}', "the line is not JSON from character 9 on"),
        (b"\xff\xfe{\x00}\x00", "the line is not UTF-8 text from byte 1 on"),
        (b'{"sku": "\xed\xa0\x80"}', "the line is not UTF-8 text from byte 10 on"),
        (b'{"a": 1, "b": 2, "a": 1}', 'the field "a" is given twice'),
        (b'{"lines": [{"sku": 1, "sku": 2}]}', 'the field "sku" is given twice'),
        (b'{"a": NaN}', "NaN is not a number in JSON"),
        (b'{"a": -Infinity}', "-Infinity is not a number in JSON"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "a number has too many digits"),
        (b"[" * 900_000, "the line is nested too deeply"),
        (b'{"a":' * 150_000, "the line is nested too deeply"),
        (b"[]", "the line must be a JSON object, not a list"),
        (b"null", "the line must be a JSON object, not null"),
        (b'"text"', 'the line must be a JSON object, not "text"'),
        (b"1e400", "the line must be a JSON object, not Infinity"),
        (b"{}", "currency is missing"),
        (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', "the line is longer than 1048576 bytes"),
    ],
)
def test_a_line_without_an_order_is_rejected_with_the_reason(line: bytes, reason: str) -> None:
    good = order()
    before, rejected, after = read(good, line, good)
    assert isinstance(rejected, Rejected)
    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)
    assert (before.line_number, rejected.line_number, after.line_number) == (1, 2, 3)
    assert rejected.order_id is None
    assert_told(rejected.reason, reason)
    assert str(rejected) == f"line 2: {rejected.reason}"


def test_a_rejection_names_the_order() -> None:
    (rejected,) = read(order(currency="XYZ"))
    assert isinstance(rejected, Rejected)
    assert rejected.order_id == uuid.UUID(ORDER_ID)
    (rejected,) = read(order(order_id="no", currency="XYZ"))
    assert isinstance(rejected, Rejected)
    assert rejected.order_id is None


def test_blank_lines_are_skipped_and_counted() -> None:
    found = read(b"", order(), b"  \t", b"\r", order())
    assert [each.line_number for each in found] == [2, 5]


def test_a_byte_order_mark_and_other_line_ends_are_accepted() -> None:
    line = json.dumps(order()).encode()
    stream = io.BytesIO(b"\xef\xbb\xbf" + line + b"\r\n" + line + b"\r\n" + line)
    assert [type(each) for each in read_orders(stream)] == [Accepted] * 3
    assert list(read_orders(io.BytesIO(b"\xef\xbb\xbf\n"))) == []


def test_a_line_of_the_maximum_length_is_accepted() -> None:
    line = json.dumps(order()).encode()
    longest = line + b" " * (1024 * 1024 - len(line))
    results = read(longest, longest + b" ", longest)
    assert [type(each) for each in results] == [Accepted, Rejected, Accepted]


def test_a_line_that_is_far_too_long_is_read_in_pieces() -> None:
    class Endless(io.RawIOBase):
        """A stream of a line of one gigabyte, which is never held in memory, and an order."""

        def __init__(self) -> None:
            self.left = 1024**3
            self.largest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= 1024 * 1024 + 1
            if self.left > 0:
                self.left -= size
                return BLANKS[:size]
            return next(self.rest, b"")

        rest = iter([b"\n", json.dumps(order()).encode()])

    found = list(read_orders(Endless()))  # type: ignore[arg-type]
    assert [(type(each), each.line_number) for each in found] == [(Rejected, 1), (Accepted, 2)]


BLANKS = b"x" * (1024 * 1024 + 1)


def test_stock_lines_become_commands_or_are_rejected() -> None:
    text = b"""{"sku": "A1", "quantity": 100}
{"sku": "A1", "quantity": 0}
{"sku": "A1"}
{"sku": "A1", "quantity": 1, "price": "1"}
{"sku": 5, "quantity": 1}"""
    first, *rest = read_stock(io.BytesIO(text))
    assert isinstance(first, Accepted)
    assert isinstance(first.command, ReceiveStock)
    assert (first.command.sku, first.command.quantity) == ("A1", 100)
    assert [str(each) for each in rest] == [
        "line 2: quantity must be a whole number from 1 to 1000000, not 0",
        "line 3: quantity is missing",
        'line 4: there is no field "price"',
        "line 5: sku must be text, not 5",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@st.composite
def nearly_orders(draw: st.DrawFn) -> bytes:
    fields = order(lines=[item()])
    for target in (fields, fields["lines"][0], fields["ship_to"]):
        changed = draw(st.sampled_from([None, *target]))
        if changed is not None:
            target[changed] = draw(JSON)
    return json.dumps(fields).encode()


@given(st.lists(st.binary() | nearly_orders() | JSON.map(lambda v: json.dumps(v).encode())))
def test_no_line_stops_the_lines_after_it(lines: list[bytes]) -> None:
    text = b"\n".join([*lines, json.dumps(order()).encode()])
    for results in (list(read_orders(io.BytesIO(text))), list(read_stock(io.BytesIO(text)))):
        for each in rejections(results):
            assert_told(each.reason, "")
    assert isinstance(list(read_orders(io.BytesIO(text)))[-1], Accepted)


def rejections(results: list[Any]) -> Iterator[Rejected]:
    return (each for each in results if isinstance(each, Rejected))


def assert_told(told: str, reason: str) -> None:
    assert reason in told
    assert told.isprintable(), "a reason is one line that can be printed anywhere"
    assert len(told) < 250
