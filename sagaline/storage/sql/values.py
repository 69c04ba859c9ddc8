"""Values as databases return them: each function returns what is read back for what is written.

Each raises `UnfitValue`, or another error, for a value that would not be kept.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NoReturn

from sagaline.errors import UnfitValue
from sagaline.storage.sql.amounts import WIDE, amount_of
from sagaline.storage.sql.columns import Convert


def or_none(convert: Convert) -> Convert:
    """The same conversion, which leaves None as it is."""
    return lambda value: None if value is None else convert(value)


def text(value: Any) -> str:
    """Text, also where a member of an enumeration is text."""
    return str.__str__(value) if isinstance(value, str) else _refuse(value, str)


def text_of_length(length: int, is_fixed: bool) -> Convert:
    """Text in a column of some length: PostgreSQL drops blanks after it, or fills it with them."""

    def convert(value: Any) -> str:
        found = text(value)
        if not found[length:].strip(" "):
            found = found[:length]
        return found.ljust(length) if is_fixed else found

    return convert


def truth(value: Any) -> bool:
    """True or False, also given as 1 or 0."""
    is_one = isinstance(value, int) and value in (0, 1)
    return bool(value) if is_one else _refuse(value, bool)


def whole(value: Any) -> int:
    """A whole number, also where a truth or a member of an enumeration is one."""
    return int(value) if isinstance(value, int) else _refuse(value, int)


def number(value: Any) -> float:
    """A float, also given as a whole number that a float holds exactly."""
    if not isinstance(value, float | int) or isinstance(value, bool):
        _refuse(value, float)
    found = float(value)
    return found if isinstance(value, float) or int(found) == value else _refuse(value, float)


def number_on_sqlite(value: Any) -> float:
    """A float: SQLite would return None for NaN, and zero for a negative zero."""
    found = number(value) + 0.0
    return _refuse(value, float) if found != found else found


def decimal_of_scale(scale: int | None) -> Convert:
    """A decimal rounded to some places, as PostgreSQL does; None for as many as it has."""
    unit = None if scale is None else Decimal(1).scaleb(-scale)

    def convert(value: Any) -> Decimal | None:
        found = amount_of(value)
        if found is None or unit is None:
            return found
        # A negative number of places leaves an exponent, which is written out.
        return amount_of(found.quantize(unit, ROUND_HALF_UP, context=WIDE))

    return convert


def decimal_in_float(scale: int | None, stored: Convert) -> Convert:
    """A decimal that SQLite stores as a float: refused where that has not all its digits."""
    rounded = decimal_of_scale(scale)

    def convert(value: Any) -> Any:
        wanted = rounded(value)
        found = stored(wanted)
        if found != wanted:
            reason = "SQLite stores it as a float; use Amount"
            raise UnfitValue(value=value, kind="kept by a column of Numeric", reason=reason)
        return found

    return convert


def wall_time(value: Any) -> datetime:
    """A time without a zone: in UTC where it has one."""
    if not isinstance(value, datetime):
        _refuse(value, datetime)
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def in_utc(value: datetime | None) -> datetime | None:
    """An instant that was read, in UTC, where the database has dropped the zone too."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def time_of_day(value: Any) -> time:
    """A time of a day, without a zone."""
    if not isinstance(value, time) or value.tzinfo is not None:
        _refuse(value, time, "it must have no time zone")
    return value


def day(value: Any) -> date:
    """A date: that of a datetime is the date in its own zone."""
    return (
        date(value.year, value.month, value.day)
        if isinstance(value, date)
        else _refuse(value, date)
    )


def duration(value: Any) -> timedelta:
    """A duration."""
    return value if isinstance(value, timedelta) else _refuse(value, timedelta)


def binary(value: Any) -> bytes:
    """Bytes, also given as a buffer of them."""
    is_buffer = isinstance(value, bytes | bytearray | memoryview)
    return bytes(value) if is_buffer else _refuse(value, bytes)


def document(value: Any) -> Any:
    """A document as JSON returns it: lists for tuples, and text for keys."""
    return json.loads(_dumped(value))


def binary_document(value: Any) -> Any:
    """A document as JSONB of PostgreSQL returns it: its keys by length, floats as decimals."""
    return json.loads(_dumped(value), object_pairs_hook=_by_length, parse_float=_written_out)


def document_text(value: Any) -> str:
    """A text by which two documents are compared, whatever a handler has put into them."""
    return json.dumps(value, default=repr, skipkeys=True)


def _dumped(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnfitValue(value=value, kind="a JSON document", reason=error) from error


def _by_length(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    def place(name: str) -> tuple[int, bytes]:
        encoded = name.encode("utf-8", "surrogatepass")
        return len(encoded), encoded

    found = dict(pairs)
    return {name: found[name] for name in sorted(found, key=place)}


def _written_out(text: str) -> float | int:
    return int(Decimal(text)) if "e+" in text else float(text) + 0.0


def _refuse(value: Any, kind: type, reason: str = "convert it first") -> NoReturn:
    raise UnfitValue(value=value, kind=f"of the type {kind.__name__}", reason=reason)
