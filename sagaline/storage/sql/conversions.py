"""The conversions of columns: which value is read back for a value that is written.

A row in memory has the values that the database would return, so a handler reads the same before
and after a restart. Types for which this is not known are refused.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

from sagaline.storage.sql import values
from sagaline.storage.sql.columns import Convert, PortableType, default_of, moment_of, uuid_of

Reader = Callable[[object], Convert | None]
"""From the driver's type of a result to the conversion of its values; None if there is none."""


class Conversion(NamedTuple):
    """The way of one column's values into the database and back."""

    plain: type | None
    """Values of exactly this type are read back as they are."""
    convert: Convert
    """Returns the value that will be read back. Raises an error for a value that does not fit."""
    bind: Convert | None
    """From such a value to the driver's."""
    reader: Reader
    image: Convert | None = None
    """For values that can change in place: what two of them are compared by."""


class TypeNotKept(Exception):
    """The type of a column may return other values than were written."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


def conversion_of(column: sa.Column[Any], dialect: Dialect) -> Conversion:
    """The conversion of a column's values. Raises TypeNotKept."""
    # The types that a dialect uses instead do not say any more what the column is.
    return _conversion(column.type._variant_mapping.get(dialect.name, column.type), dialect)


def default_in(column: sa.Column[Any], conversion: Conversion) -> Any:
    """The value of a column that a new row leaves out, as it will be read back."""
    default = default_of(column)
    return default if default is None and not column.nullable else conversion.convert(default)


def _conversion(type_: TypeEngine[Any], dialect: Dialect) -> Conversion:
    for refused, why in _REFUSED.items():
        if isinstance(type_, refused):
            raise TypeNotKept(*why)
    for kinds, make in _MAKERS.items():
        if isinstance(type_, kinds):
            return make(type_, dialect)
    raise TypeNotKept(
        f"the values of the type {type(type_).__name__} may come back changed",
        "Use a generic type of SQLAlchemy, or a TypeDecorator of one.",
    )


def _of_type(type_: Any, dialect: Dialect, plain: type | None, convert: Convert) -> Conversion:
    """A conversion that uses the processors of the type."""
    impl = type_.dialect_impl(dialect)

    def reader(driver_type: object) -> Convert | None:
        found: Convert | None = impl.result_processor(dialect, driver_type)
        return found

    return Conversion(plain, values.or_none(convert), impl.bind_processor(dialect), reader)


def _round_trip(type_: Any, dialect: Dialect) -> Convert:
    """What the processors of a type make of a value."""
    impl = type_.dialect_impl(dialect)
    bind, read = impl.bind_processor(dialect), impl.result_processor(dialect, None)
    return lambda value: read(bind(value))


def _portable(type_: Any, dialect: Dialect) -> Conversion:
    # Without the check for None, which its conversions have.
    return _of_type(type_, dialect, type_.plain, type_.to_native)._replace(convert=type_.to_native)


def _exact(kind: type, convert: Convert) -> Callable[[Any, Dialect], Conversion]:
    return lambda type_, dialect: _of_type(type_, dialect, kind, convert)


def _checked(convert: Convert) -> Callable[[Any, Dialect], Conversion]:
    def make(type_: Any, dialect: Dialect) -> Conversion:
        for name in ("precision", "second_precision", "fields"):
            if getattr(type_, name, None) is not None:
                raise TypeNotKept(f"a {name} cuts its values off", f"Leave out the {name}.")
        return _of_type(type_, dialect, None, convert)

    return make


def _text(type_: Any, dialect: Dialect) -> Conversion:
    length, is_fixed = type_.length, isinstance(type_, sa.CHAR | sa.NCHAR)
    if dialect.name != "postgresql" or not (length or is_fixed):
        return _of_type(type_, dialect, str, values.text)
    return _of_type(type_, dialect, None, values.text_of_length(length or 1, is_fixed))


def _enumerated(type_: Any, dialect: Dialect) -> Conversion:
    if type_.native_enum:
        raise TypeNotKept(
            "an Enum of the database outlives the table, so a rebuild would not change it",
            "Write Enum(..., native_enum=False).",
        )
    return _of_type(type_, dialect, None, _round_trip(type_, dialect))


def _float(type_: Any, dialect: Dialect) -> Conversion:
    is_single = isinstance(type_, sa.REAL) or (type_.precision or 53) <= 24
    if is_single or type_.asdecimal:
        raise TypeNotKept("it keeps fewer digits than it is given", "Use Double, or Amount.")
    if dialect.name == "sqlite":
        return _of_type(type_, dialect, None, values.number_on_sqlite)
    return _of_type(type_, dialect, float, values.number)


def _numeric(type_: Any, dialect: Dialect) -> Conversion:
    if not type_.asdecimal:
        raise TypeNotKept("it keeps decimals and returns floats", "Use Double, or Amount.")
    scale = type_.scale
    if dialect.name == "postgresql":
        scale = 0 if scale is None and type_.precision is not None else scale
        return _of_type(type_, dialect, None, values.decimal_of_scale(scale))
    return _of_type(
        type_, dialect, None, values.decimal_in_float(scale, _round_trip(type_, dialect))
    )


def _instant(type_: Any, dialect: Dialect) -> Conversion:
    if not type_.timezone:
        return _checked(values.wall_time)(type_, dialect)
    found = _checked(moment_of)(type_, dialect)

    def reader(driver_type: object) -> Convert:
        read = found.reader(driver_type) or _same
        return lambda value: values.in_utc(read(value))  # SQLite drops the zone

    return found._replace(reader=reader)


def _time(type_: Any, dialect: Dialect) -> Conversion:
    if type_.timezone:
        raise TypeNotKept("SQLite drops the zone of a time", "Use Moment, or Time without a zone.")
    return _checked(values.time_of_day)(type_, dialect)


def _uuid(type_: Any, dialect: Dialect) -> Conversion:
    if type_.as_uuid:
        return _exact(type_.python_type, uuid_of)(type_, dialect)
    return _of_type(type_, dialect, None, lambda value: str(uuid_of(value)))


def _document(type_: Any, dialect: Dialect) -> Conversion:
    convert = values.binary_document if isinstance(type_, postgresql.JSONB) else values.document
    return _of_type(type_, dialect, None, convert)._replace(image=values.document_text)


def _decorated(type_: Any, dialect: Dialect) -> Conversion:
    """A user's type: its own two conversions around those of the type that it decorates."""
    for name in ("bind_processor", "result_processor"):
        if getattr(type(type_), name) is not getattr(TypeDecorator, name):
            raise TypeNotKept(
                f"it overrides {name}", "Override process_bind_param and process_result_value."
            )
    inner = _conversion(type_.load_dialect_impl(dialect), dialect)
    store = _hook(type_, "process_bind_param", dialect)
    load = _hook(type_, "process_result_value", dialect)
    inner_bind, inner_image = inner.bind or _same, inner.image or _same

    def reader(driver_type: object) -> Convert:
        read = inner.reader(driver_type) or _same
        return lambda value: load(read(value))

    return Conversion(
        plain=None,
        convert=lambda value: load(inner.convert(store(value))),
        bind=lambda value: inner_bind(inner.convert(store(value))),
        reader=reader,
        image=lambda value: inner_image(store(value)),
    )


def _hook(type_: Any, name: str, dialect: Dialect) -> Convert:
    if getattr(type(type_), name) is getattr(TypeDecorator, name):
        return _same
    function = getattr(type_, name)
    return lambda value: function(value, dialect)


def _same(value: Any) -> Any:
    return value


_REFUSED: Final[Mapping[Any, tuple[str, str]]] = {
    NullType: ("it has no type", "Give it one: Column('name', Text)."),
    sa.PickleType: ("stored bytes would be run as code", "Use JSON."),
    sa.ARRAY: (
        "arrays of rows with arrays inside are not written",
        "Use JSON, or a table of its own.",
    ),
}
"""Types that are refused, with the reason and the cure."""

_MAKERS: Final[Mapping[Any, Callable[[Any, Dialect], Conversion]]] = {
    PortableType: _portable,
    (sa.Interval, postgresql.INTERVAL): _checked(values.duration),
    TypeDecorator: _decorated,
    sa.Enum: _enumerated,
    sa.String: _text,
    sa.Boolean: _exact(bool, values.truth),
    sa.Integer: _exact(int, values.whole),
    sa.Float: _float,
    sa.Numeric: _numeric,
    sa.DateTime: _instant,
    sa.Date: _exact(date, values.day),
    sa.Time: _time,
    (sa.LargeBinary, sa.BINARY, sa.VARBINARY): _exact(bytes, values.binary),
    sa.Uuid: _uuid,
    sa.JSON: _document,
}
"""How conversions are made, by kinds of types; the first kind that fits counts."""
