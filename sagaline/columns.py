"""Column types of read tables, which give the same values on SQLite as on PostgreSQL.

SQLite has no type for a UUID, an exact decimal or an instant. These types write them as text that
any SQL client shows as a person would write it, and that sorts and compares as the value does
where that is possible.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from sagaline.errors import UnfitValue

Processor = Callable[[Any], Any]

_SAME_VALUE_AGAIN = 16_384
"""One order's id and one event's time are written to several tables in a row."""


@lru_cache(_SAME_VALUE_AGAIN)
def _uuid_text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    return str(_uuid(value))


def _uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError) as error:
        raise UnfitValue(value=value, kind="UUID", reason="36 characters are wanted") from error


_uuid_of_text = lru_cache(_SAME_VALUE_AGAIN)(UUID)


@lru_cache(_SAME_VALUE_AGAIN)
def _moment_text(value: datetime) -> str:
    text = _utc(value).isoformat()
    return text if len(text) == 32 else _utc(value).isoformat(timespec="microseconds")


def _utc(value: datetime) -> datetime:
    if not isinstance(value, datetime):
        raise UnfitValue(value=value, kind="moment", reason="a datetime is wanted")
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise UnfitValue(value=value, kind="moment", reason="it has no time zone")
    return value.astimezone(UTC)


def _amount(value: Decimal | int) -> Decimal:
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise UnfitValue(value=value, kind="amount", reason="a finite Decimal is wanted")


def _amount_text(value: Decimal | int) -> str:
    text = str(_amount(value))
    return format(_amount(value), "f") if "E" in text else text


def _or_none(process: Processor) -> Processor:
    def processor(value: Any) -> Any:
        return None if value is None else process(value)

    return processor


class _Portable(TypeDecorator[Any]):
    """A type that PostgreSQL has and that SQLite keeps as text.

    The processors are handed to SQLAlchemy whole, rather than through `process_bind_param`, which
    would cost one more call a value.
    """

    cache_ok = True
    native: TypeEngine[Any]
    text: TypeEngine[Any]
    to_native: Processor
    to_text: Processor
    from_native: Processor | None = None
    from_text: Processor

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kept = self.native if dialect.name == "postgresql" else self.text
        return dialect.type_descriptor(kept)

    @override
    def bind_processor(self, dialect: Dialect) -> Processor | None:
        own = type(self)
        return _or_none(own.to_native if dialect.name == "postgresql" else own.to_text)

    @override
    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        own = type(self)
        process = own.from_native if dialect.name == "postgresql" else own.from_text
        return None if process is None else _or_none(process)

    @override
    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        return str(value if value is None else type(self).to_text(value))

    @property
    @override
    def python_type(self) -> type[Any]:
        return self.native.python_type


class Uuid(_Portable):
    """A UUID; on SQLite text in the 36-character form, which joins with what people paste.

    Takes UUIDs and their text, gives UUIDs. Raises `UnfitValue`.
    """

    impl = sa.Uuid
    native = sa.Uuid()
    text = sa.String(36)
    to_native = staticmethod(_uuid)
    to_text = staticmethod(_uuid_text)
    from_text = staticmethod(_uuid_of_text)


class Amount(_Portable):
    """An exact decimal: NUMERIC on PostgreSQL, its digits as text on SQLite.

    Takes finite Decimals and integers, gives Decimals with the places that they were given. SQLite
    would turn a sum, or an order by such a column, into floating point: do both in Python. Raises
    `UnfitValue`, for a float too, because its digits are not what somebody meant to pay.
    """

    impl = sa.Numeric
    native = sa.Numeric()
    text = sa.Text()
    to_native = staticmethod(_amount)
    to_text = staticmethod(_amount_text)
    from_text = Decimal


class Moment(_Portable):
    """An instant: TIMESTAMPTZ on PostgreSQL, ISO 8601 text of one width in UTC on SQLite.

    Takes aware datetimes, gives aware datetimes in UTC; the text sorts as time passes. Raises
    `UnfitValue` for a datetime without a zone, which would mean another instant on each machine.
    """

    impl = sa.DateTime
    native = sa.DateTime(timezone=True)
    text = sa.String(32)
    to_native = staticmethod(_utc)
    to_text = staticmethod(_moment_text)
    from_native = staticmethod(_utc)
    from_text = datetime.fromisoformat
