"""Column types that return the same values on SQLite as on PostgreSQL.

SQLite has no type for a UUID, an exact decimal or an instant. These types store readable text,
which sorts and compares as the value does where that is possible.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic_core import SchemaSerializer, core_schema
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from sagaline.errors import StoreDamaged, UnfitValue
from sagaline.storage.sql.checked import shown

Convert = Callable[[Any], Any]

_CACHED_UUIDS = 16_384
"""Parsed UUIDs to keep: the id of one order occurs in several consecutive events."""

# Twice as fast as the standard library's methods.
_write_uuid = SchemaSerializer(core_schema.uuid_schema()).to_python
_write_moment = SchemaSerializer(core_schema.datetime_schema()).to_python

_MOMENT = len("2026-01-01T12:00:00.000000+00:00")
_MOMENT_Z = len("2026-01-01T12:00:00.000000Z")


@lru_cache(_CACHED_UUIDS)
def uuid_of_text(text: str) -> UUID:
    """Parses a UUID, or returns it from a cache. Raises ValueError."""
    return UUID(text)


def uuid_of(value: Any) -> UUID | None:
    """A UUID, given as one or as text. Raises `UnfitValue`."""
    if value is None or isinstance(value, UUID):
        return value
    try:
        return uuid_of_text(value)
    except (AttributeError, TypeError, ValueError) as error:
        why = "it must have 36 characters"
        raise UnfitValue(value=value, kind="a UUID", reason=why) from error


def _uuid_text(value: Any) -> str | None:
    # Without a cache: the look-up takes longer than formatting.
    return None if value is None else _write_uuid(uuid_of(value), mode="json")


def reading(convert: Convert, kind: str) -> Convert:
    """Reads a stored text. Raises `StoreDamaged` where SQLite holds another value."""

    def read(text: Any) -> Any:
        try:
            return None if text is None else convert(text)
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            place = f"a column of the type {kind}"
            raise StoreDamaged(place=place, value=shown(text)) from error

    return read


def _moment(value: Any) -> datetime | None:
    if value is None or (isinstance(value, datetime) and value.tzinfo is UTC):
        return value
    if not isinstance(value, datetime):
        raise UnfitValue(value=value, kind="a moment", reason="it must be a datetime")
    if value.utcoffset() is None:
        raise UnfitValue(value=value, kind="a moment", reason="it has no time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        why = "in UTC it is before the year 1 or after the year 9999"
        raise UnfitValue(value=value, kind="a moment", reason=why) from error


def _moment_text(value: Any) -> str | None:
    if isinstance(value, datetime):
        text: str = _write_moment(value, mode="json")
        if len(text) == _MOMENT_Z:  # otherwise it is not in UTC, or has no microseconds
            return f"{text[:-1]}+00:00"
    moment = _moment(value)
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _amount(value: Any) -> Decimal | None:
    if value is None or (isinstance(value, Decimal) and value.is_finite()):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise UnfitValue(value=value, kind="an amount", reason="it must be a finite Decimal")


def _amount_text(value: Any) -> str | None:
    amount = _amount(value)
    if amount is None:
        return None
    text = str(amount)
    return format(amount, "f") if "E" in text else text


class PortableType(TypeDecorator[Any]):
    """A type that is native on PostgreSQL, and stored as another one on SQLite.

    SQLAlchemy calls the conversions directly: `process_bind_param` would add a call for each
    value. Each of them accepts and returns None too.
    """

    native: TypeEngine[Any]
    stored: TypeEngine[Any]
    to_native: Convert
    to_stored: Convert
    from_native: Convert | None = None
    from_stored: Convert

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        is_native = dialect.name == "postgresql"
        return dialect.type_descriptor(self.native if is_native else self.stored)

    @override
    def bind_processor(self, dialect: Dialect) -> Convert | None:
        return self.to_native if dialect.name == "postgresql" else self.to_stored

    @override
    def result_processor(self, dialect: Dialect, coltype: object) -> Convert | None:
        return self.from_native if dialect.name == "postgresql" else self.from_stored

    @override
    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        return str(self.to_stored(value))

    @property
    @override
    def python_type(self) -> type[Any]:
        return self.native.python_type


class Uuid(PortableType):
    """A UUID; on SQLite text in the 36-character form, so that pasted ids match.

    Accepts UUIDs and their text, returns UUIDs. Raises `UnfitValue`.
    """

    impl = sa.Uuid
    cache_ok = True
    native = sa.Uuid()
    stored = sa.String(36)
    to_native = staticmethod(uuid_of)
    to_stored = staticmethod(_uuid_text)
    from_stored = staticmethod(reading(uuid_of_text, "Uuid"))


class Amount(PortableType):
    """An exact decimal: NUMERIC on PostgreSQL, its digits as text on SQLite.

    Accepts finite Decimals and integers, returns Decimals with the same number of places. Sum and
    sort in Python: SQLite would use floating point for both. Raises `UnfitValue`, for a float too,
    because a float rarely has the digits of the intended amount.
    """

    impl = sa.Numeric
    cache_ok = True
    native = sa.Numeric()
    stored = sa.Text()
    to_native = staticmethod(_amount)
    to_stored = staticmethod(_amount_text)
    from_stored = staticmethod(reading(Decimal, "Amount"))


class Moment(PortableType):
    """An instant: TIMESTAMPTZ on PostgreSQL, ISO 8601 text of fixed width in UTC on SQLite.

    Accepts aware datetimes, returns aware datetimes in UTC; the text sorts by time. Raises
    `UnfitValue` for a datetime without a time zone, which is ambiguous.
    """

    impl = sa.DateTime
    cache_ok = True
    native = sa.DateTime(timezone=True)
    stored = sa.String(_MOMENT)
    to_native = staticmethod(_moment)
    to_stored = staticmethod(_moment_text)
    from_native = staticmethod(_moment)
    from_stored = staticmethod(reading(datetime.fromisoformat, "Moment"))


class ColumnValues:
    """Converts the values of one column for statements and from results."""

    def __init__(self, column: sa.Column[Any], dialect: Dialect) -> None:
        self._column = column
        self._dialect = dialect
        self._type = column.type.dialect_impl(dialect)
        self._bind: Convert | None = self._type.bind_processor(dialect)
        self._kinds: set[type] = set()
        """Types of the values that were checked."""

    def bound(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values converted for the driver. Raises UnfitAt with the index of an unfit one."""
        if not self._kinds.issuperset(map(type, values)):
            for index, value in enumerate(values):
                self._check(index, value)
        if self._bind is None:
            return values
        try:
            return list(map(self._bind, values))
        except Exception:
            for index, value in enumerate(values):
                self._try(index, value)
            raise

    @property
    def are_plain(self) -> bool:
        """Whether the driver receives values of exactly the column's type, and of no subclass."""
        return self._bind is not None or self._kinds <= {kind_of(self._column), type(None)}

    def reader(self, driver_type: object) -> Convert | None:
        """The conversion from a result's value to the column's; None if there is none."""
        return self._type.result_processor(self._dialect, driver_type)

    def _check(self, index: int, value: Any) -> None:
        if value is None:
            if not self._column.nullable:
                raise UnfitAt(index, self._column.name, "it needs a value")
        elif self._bind is None and not isinstance(value, kind_of(self._column)):
            kind = kind_of(self._column).__name__
            raise UnfitAt(index, self._column.name, f"{value!r} is not of the type {kind}")
        self._kinds.add(type(value))

    def _try(self, index: int, value: Any) -> None:
        assert self._bind is not None
        try:
            self._bind(value)
        except Exception as error:
            raise UnfitAt(index, self._column.name, str(error)) from error


class UnfitAt(Exception):
    """The value at this index does not fit its column."""

    def __init__(self, index: int, column: str, reason: str) -> None:
        super().__init__(index, column, reason)
        self.index = index
        self.column = column
        self.reason = reason


def kind_of(column: sa.Column[Any]) -> type:
    """The Python type of a column's values."""
    try:
        return column.type.python_type
    except NotImplementedError:
        return object


def default_of(column: sa.Column[Any]) -> Any:
    """The default of a column that a new row leaves out; None if there is none."""
    default = column.default
    return default.arg if isinstance(default, ScalarElementColumnDefault) else None
