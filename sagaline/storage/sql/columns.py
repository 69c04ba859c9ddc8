"""Column types of read tables, which give the same values on SQLite as on PostgreSQL.

SQLite has no type for a UUID, an exact decimal or an instant. These types write them as text that
any SQL client shows as a person would write it, and that sorts and compares as the value does
where that is possible.
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

from sagaline.errors import UnfitValue

Convert = Callable[[Any], Any]

_SAME_VALUE_AGAIN = 16_384
"""One order's id is met several times in a row."""

# Twice as fast as what Python has to write them with.
_write_uuid = SchemaSerializer(core_schema.uuid_schema()).to_python
_write_moment = SchemaSerializer(core_schema.datetime_schema()).to_python

_MOMENT = len("2026-01-01T12:00:00.000000+00:00")
_MOMENT_Z = len("2026-01-01T12:00:00.000000Z")


@lru_cache(_SAME_VALUE_AGAIN)
def uuid_of_text(text: str) -> UUID:
    """The UUID; a batch meets each order's several times. Raises ValueError."""
    return UUID(text)


def _uuid(value: Any) -> UUID | None:
    if value is None or isinstance(value, UUID):
        return value
    try:
        return uuid_of_text(value)
    except (AttributeError, TypeError, ValueError) as error:
        why = "36 characters are wanted"
        raise UnfitValue(value=value, kind="a UUID", reason=why) from error


def _uuid_text(value: Any) -> str | None:
    # Without a cache, which takes longer to find a text than this to write it.
    return None if value is None else _write_uuid(_uuid(value), mode="json")


def _uuid_read(text: str | None) -> UUID | None:
    return None if text is None else uuid_of_text(text)


def _moment(value: Any) -> datetime | None:
    if value is None or (isinstance(value, datetime) and value.tzinfo is UTC):
        return value
    if not isinstance(value, datetime):
        raise UnfitValue(value=value, kind="a moment", reason="a datetime is wanted")
    if value.utcoffset() is None:
        raise UnfitValue(value=value, kind="a moment", reason="it has no time zone")
    return value.astimezone(UTC)


def _moment_text(value: Any) -> str | None:
    if isinstance(value, datetime):
        text: str = _write_moment(value, mode="json")
        if len(text) == _MOMENT_Z:  # else it is not in UTC, or of a whole second
            return f"{text[:-1]}+00:00"
    moment = _moment(value)
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _moment_read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _amount(value: Any) -> Decimal | None:
    if value is None or (isinstance(value, Decimal) and value.is_finite()):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise UnfitValue(value=value, kind="an amount", reason="a finite Decimal is wanted")


def _amount_text(value: Any) -> str | None:
    amount = _amount(value)
    if amount is None:
        return None
    text = str(amount)
    return format(amount, "f") if "E" in text else text


def _amount_read(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


class _Portable(TypeDecorator[Any]):
    """A type that PostgreSQL has and that SQLite keeps as text.

    The conversions are handed over as they are, rather than through `process_bind_param`, which
    would cost one more call a value. Each takes and gives None too.
    """

    native: TypeEngine[Any]
    text: TypeEngine[Any]
    to_native: Convert
    to_text: Convert
    from_native: Convert | None = None
    from_text: Convert

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kept = self.native if dialect.name == "postgresql" else self.text
        return dialect.type_descriptor(kept)

    @override
    def bind_processor(self, dialect: Dialect) -> Convert | None:
        return self.to_native if dialect.name == "postgresql" else self.to_text

    @override
    def result_processor(self, dialect: Dialect, coltype: object) -> Convert | None:
        return self.from_native if dialect.name == "postgresql" else self.from_text

    @override
    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        return str(self.to_text(value))

    @property
    @override
    def python_type(self) -> type[Any]:
        return self.native.python_type


class Uuid(_Portable):
    """A UUID; on SQLite text in the 36-character form, which joins with what people paste.

    Takes UUIDs and their text, gives UUIDs. Raises `UnfitValue`.
    """

    impl = sa.Uuid
    cache_ok = True
    native = sa.Uuid()
    text = sa.String(36)
    to_native = staticmethod(_uuid)
    to_text = staticmethod(_uuid_text)
    from_text = staticmethod(_uuid_read)


class Amount(_Portable):
    """An exact decimal: NUMERIC on PostgreSQL, its digits as text on SQLite.

    Takes finite Decimals and integers, gives Decimals with the places that they were given. SQLite
    would turn a sum, or an order by such a column, into floating point: do both in Python. Raises
    `UnfitValue`, for a float too, because its digits are not what somebody meant to pay.
    """

    impl = sa.Numeric
    cache_ok = True
    native = sa.Numeric()
    text = sa.Text()
    to_native = staticmethod(_amount)
    to_text = staticmethod(_amount_text)
    from_text = staticmethod(_amount_read)


class Moment(_Portable):
    """An instant: TIMESTAMPTZ on PostgreSQL, ISO 8601 text of one width in UTC on SQLite.

    Takes aware datetimes, gives aware datetimes in UTC; the text sorts as time passes. Raises
    `UnfitValue` for a datetime without a zone, which would mean another instant on each machine.
    """

    impl = sa.DateTime
    cache_ok = True
    native = sa.DateTime(timezone=True)
    text = sa.String(_MOMENT)
    to_native = staticmethod(_moment)
    to_text = staticmethod(_moment_text)
    from_native = staticmethod(_moment)
    from_text = staticmethod(_moment_read)


class ColumnValues:
    """The values of one column, on their way into statements and out of results."""

    def __init__(self, column: sa.Column[Any], dialect: Dialect) -> None:
        self._column = column
        self._dialect = dialect
        self._type = column.type.dialect_impl(dialect)
        self._bind: Convert | None = self._type.bind_processor(dialect)
        self._kinds: set[type] = set()
        """Types of values that are known to fit."""

    def bound(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values as the driver takes them. Raises UnfitAt with the index of one that is not."""
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
        """Whether what goes to the driver is of the column's own type, and of no subclass of it."""
        return self._bind is not None or self._kinds <= {kind_of(self._column), type(None)}

    def reader(self, driver_type: object) -> Convert | None:
        """What turns a value of a result into the column's own."""
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
    """The value of a column that a whole row was assigned without."""
    default = column.default
    return default.arg if isinstance(default, ScalarElementColumnDefault) else None
