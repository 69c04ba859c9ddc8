"""Exact decimals, which compare, sort and sum by their value in SQL too.

SQLite has no exact decimal, so an amount is its digits as text there. SQL functions of this module
order and sum these texts; every SQLite connection of the process has them.
"""

from decimal import Context, Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Engine, Select, event
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import functions, operators, visitors
from sqlalchemy.types import NullType, TypeDecorator
from typing_extensions import override

from sagaline.errors import UnfitValue
from sagaline.storage.sql.columns import PortableType, reading

WIDE: Final = Context(prec=150_000)
"""More digits than any database keeps, so that decimals are computed exactly."""

MAX_DIGITS: Final = 130_000
"""Digits before the point, a little fewer than PostgreSQL keeps."""

MAX_PLACES: Final = 16_000
"""Digits after the point, a little fewer than PostgreSQL keeps."""

_COMPLEMENT: Final = str.maketrans("0123456789", "9876543210")


def amount_of(value: Any) -> Decimal | None:
    """A finite decimal with its digits written out. Raises `UnfitValue`."""
    if value is None or (type(value) is Decimal and value and _is_written_out(value)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise UnfitValue(value=value, kind="an amount", reason="it must be a finite Decimal")
    if not value:
        return value.copy_abs() if value.adjusted() <= 0 else Decimal(0)  # no negative zero
    return value if _is_written_out(value) else _written_out(value)


def _is_written_out(value: Decimal) -> bool:
    return value.is_finite() and "E" not in str(value)


def _written_out(value: Decimal) -> Decimal:
    exponent: Any = value.as_tuple().exponent
    if value.adjusted() > MAX_DIGITS or exponent < -MAX_PLACES:
        raise UnfitValue(value=value, kind="an amount", reason="it has too many digits")
    return value.quantize(Decimal(1), context=WIDE) if exponent > 0 else value


def _amount_text(value: Any) -> str | None:
    amount = amount_of(value)
    if amount is None:
        return None
    text = str(amount)
    return format(amount, "f") if "E" in text else text


def _amount_read(text: Any) -> Decimal | None:
    return None if text is None else Decimal(text)


def sort_key(value: Any) -> str | None:
    """A text that sorts as the amount does, and is the same for 9.5 and 9.50."""
    if value is None:
        return None
    number = Decimal(str(value))
    if not number:
        return "1"
    digits = "".join(map(str, number.as_tuple().digits)).lstrip("0").rstrip("0")
    place = number.adjusted() + 500_000
    if number > 0:
        return f"2{place:06d}{digits}"
    # Of two negative numbers the longer one comes first: "~" sorts after every digit.
    return f"0{1_000_000 - place:06d}{digits.translate(_COMPLEMENT)}~"


class _Sum:
    """The exact sum of amounts, also over the frame of a window."""

    def __init__(self) -> None:
        self._sum = Decimal(0)
        self._count = 0

    def step(self, value: Any) -> None:
        if value is not None:
            self._sum = WIDE.add(self._sum, Decimal(str(value)))
            self._count += 1

    def inverse(self, value: Any) -> None:
        if value is not None:
            self._sum = WIDE.subtract(self._sum, Decimal(str(value)))
            self._count -= 1

    def value(self) -> str | None:
        return _amount_text(self._sum) if self._count else None

    finalize = value


def _last_word(text: str | None) -> str | None:
    return None if text is None else text.rpartition(" ")[2]


@event.listens_for(Engine, "connect")
def _add_functions(connection: Any, _: Any) -> None:
    """Gives every SQLite connection the functions that order and sum amounts."""
    if hasattr(connection, "create_window_function"):
        connection.create_function("amount_sort_key", 1, sort_key, deterministic=True)
        connection.create_function("amount_of_sort_key", 1, _last_word, deterministic=True)
        connection.create_window_function("amount_sum", 1, _Sum)


class Amount(PortableType):
    """An exact decimal: NUMERIC on PostgreSQL, its digits as text on SQLite.

    Accepts finite Decimals and integers, returns Decimals with the same number of places. Raises
    `UnfitValue`, for a float too, because a float rarely has the digits of the intended amount.

    Comparisons, ORDER BY, `func.sum`, `func.min` and `func.max` of SQLAlchemy are by value on both
    databases. A SQL client without SQLAlchemy sees text on SQLite: it has to cast, which loses
    digits after the fifteenth.
    """

    impl = sa.Numeric
    cache_ok = True
    native = sa.Numeric()
    stored = sa.Text()
    to_native = staticmethod(amount_of)
    to_stored = staticmethod(_amount_text)
    from_stored = staticmethod(reading(_amount_read, "Amount"))

    class Comparator(TypeDecorator.Comparator[Any], sa.Numeric.Comparator[Any]):
        """Compares and sorts by value."""

        __slots__ = ()

        @override
        def operate(self, op: Any, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            if operators.is_comparison(op) or operators.is_ordering_modifier(op):
                compared: ColumnElement[Any] = op(
                    _by_value(self.expr), *map(_by_value, other), **kwargs
                )
                return compared
            return super().operate(op, *other, **kwargs)

    comparator_factory = Comparator


class _SortKey(PortableType):
    """What an amount is compared by: itself on PostgreSQL, its sort key on SQLite."""

    impl = sa.Numeric
    cache_ok = True
    native = sa.Numeric()
    stored = sa.Text()
    to_native = staticmethod(amount_of)
    to_stored = staticmethod(lambda value: sort_key(amount_of(value)))
    from_stored = staticmethod(lambda key: key)

    @override
    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        return str(value) if dialect.name == "postgresql" else str(self.to_stored(value))


class _ByValue(functions.FunctionElement[Any]):
    """An amount where it is compared."""

    name = "amount_sort_key"
    inherit_cache = True
    type = _SortKey()


@compiles(_ByValue)
def _as_it_is(element: Any, compiler: Any, **kw: Any) -> str:
    text: str = compiler.process(element.clauses, **kw)
    return text


@compiles(_ByValue, "sqlite")
def _as_key(element: Any, compiler: Any, **kw: Any) -> str:
    return f"amount_sort_key({compiler.process(element.clauses, **kw)})"


def _by_value(element: Any) -> Any:
    """The sort key of an expression; anything else is converted when it is bound."""
    if isinstance(element, Select):
        (column,) = element.selected_columns
        return element.with_only_columns(_by_value(column), maintain_column_froms=True)
    if not isinstance(element, ColumnElement) or isinstance(element.type, NullType | _SortKey):
        return element
    return _ByValue(element)


@compiles(functions.sum, "sqlite")
def _sum(element: Any, compiler: Any, **kw: Any) -> str:
    name = "amount_sum" if _is_of_amounts(element) else "sum"
    return f"{name}({compiler.process(element.clauses, **kw)})"


@compiles(functions.max, "sqlite")
@compiles(functions.min, "sqlite")
def _extremum(element: Any, compiler: Any, **kw: Any) -> str:
    argument = compiler.process(element.clauses, **kw)
    if not _is_of_amounts(element):
        return f"{element.name}({argument})"
    return f"amount_of_sort_key({element.name}(amount_sort_key({argument}) || ' ' || {argument}))"


def _is_of_amounts(function: Any) -> bool:
    (*arguments,) = function.clauses
    return len(arguments) == 1 and _is_amount(arguments[0])


@compiles(Select, "sqlite")
def _select(element: Any, compiler: Any, **kw: Any) -> str:
    """Sorts by the values of amounts that an ORDER BY names."""
    text: str = compiler.visit_select(_sorted_by_value(element), **kw)
    return text


def _sorted_by_value(select: Select[Any]) -> Select[Any]:
    clauses = select._order_by_clauses
    parts = (part for each in clauses for part in visitors.iterate(each))
    if not any(_is_amount(_named(each, select)) for each in parts):
        return select

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, _ByValue | Select):
            return element
        named = _named(element, select)
        is_modified = getattr(element, "modifier", None) is not None
        return _by_value(named) if _is_amount(named) and not is_modified else None

    sorted_ = select._generate()
    sorted_._order_by_clauses = tuple(
        visitors.replacement_traverse(each, {}, replace) for each in clauses
    )
    return sorted_


def _named(element: Any, select: Select[Any]) -> Any:
    """The column that a part of an ORDER BY names by its text; any other part as it is."""
    if element.__visit_name__ != "textual_label_reference":
        return element
    return select.selected_columns.get(element.element)


def _is_amount(element: Any) -> bool:
    return isinstance(getattr(element, "type", None), Amount)
