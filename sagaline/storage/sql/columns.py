"""Column types that return the same values on SQLite as on PostgreSQL.

SQLite has no type for a UUID or an instant. These types store readable text,
which sorts and compares as the value does where that is possible.
"""

from collections.abc import Callable
from datetime import UTC, datetime
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


def moment_of(value: Any) -> datetime | None:
    """A moment in UTC. Raises `UnfitValue`."""
    if value is None or (type(value) is datetime and value.tzinfo is UTC):
        return value
    if not isinstance(value, datetime):
        raise UnfitValue(value=value, kind="a moment", reason="it must be a datetime")
    offset = value.utcoffset()
    if offset is None:
        raise UnfitValue(value=value, kind="a moment", reason="it has no time zone")
    try:
        return value.astimezone(UTC) if offset else value
    except OverflowError as error:
        why = "in UTC it is before the year 1 or after the year 9999"
        raise UnfitValue(value=value, kind="a moment", reason=why) from error


def _moment_text(value: Any) -> str | None:
    if isinstance(value, datetime):
        text: str = _write_moment(value, mode="json")
        if len(text) == _MOMENT_Z:  # otherwise it is not in UTC, or has no microseconds
            return f"{text[:-1]}+00:00"
    moment = moment_of(value)
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _moment_native(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class PortableType(TypeDecorator[Any]):
    """A type that is native on PostgreSQL, and stored as another one on SQLite.

    SQLAlchemy calls the conversions directly: `process_bind_param` would add a call for each
    value. Each of them accepts and returns None too. `to_native` returns what is read back later.
    """

    native: TypeEngine[Any]
    stored: TypeEngine[Any]
    to_native: Convert
    to_stored: Convert
    from_native: Convert | None = None
    from_stored: Convert
    plain: type | None = None
    """Values of exactly this type come back as they are."""

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
    plain = UUID


class Moment(PortableType):
    """An instant: TIMESTAMPTZ on PostgreSQL, ISO 8601 text of fixed width in UTC on SQLite.

    Accepts aware datetimes, returns aware datetimes in UTC; the text sorts by time. Raises
    `UnfitValue` for a datetime without a time zone, which is ambiguous.
    """

    impl = sa.DateTime
    cache_ok = True
    native = sa.DateTime(timezone=True)
    stored = sa.String(_MOMENT)
    to_native = staticmethod(moment_of)
    to_stored = staticmethod(_moment_text)
    from_native = staticmethod(_moment_native)
    from_stored = staticmethod(reading(datetime.fromisoformat, "Moment"))


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
