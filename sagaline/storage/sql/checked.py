"""Column types of the framework's own tables, which refuse a damaged value when it is read.

SQLite stores any type in any column. A text where a number belongs would fail far from the row that
holds it; here the error names the column and the value.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Double, Integer, LargeBinary, MetaData, Text

from sagaline.errors import StoreDamaged

T = TypeVar("T")

_SHOWN = 40
"""Characters of a damaged value that an error shows."""


def shown(value: object) -> str:
    """The start of a damaged value, as an error shows it."""
    return repr(value[:_SHOWN] if isinstance(value, str | bytes) else value)[:_SHOWN]


class _Checked:
    """Adds the check to a type, on SQLite; PostgreSQL checks by itself."""

    place: str = ""
    """The column, as ``followers.fence``."""
    kinds: tuple[type, ...] = ()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """The check of a value that is read. It raises `StoreDamaged`."""
        if dialect.name != "sqlite":
            usual: Any = super()
            processor: Callable[[Any], Any] | None = usual.result_processor(dialect, coltype)
            return processor
        place, kinds = self.place, self.kinds

        def check(value: Any) -> Any:
            if value is None or type(value) in kinds:
                return value
            raise StoreDamaged(place=place, value=shown(value))

        return check


class CheckedText(_Checked, Text):
    """Text."""

    kinds = (str,)


class CheckedInteger(_Checked, Integer):
    """A small whole number."""

    kinds = (int,)


class CheckedBigInteger(_Checked, BigInteger):
    """A whole number."""

    kinds = (int,)


class CheckedDouble(_Checked, Double[float]):
    """A number."""

    kinds = (float, int)


class CheckedBinary(_Checked, LargeBinary):
    """Bytes."""

    kinds = (bytes,)


_CHECKED: dict[type, type[Any]] = {
    Text: CheckedText,
    Integer: CheckedInteger,
    BigInteger: CheckedBigInteger,
    Double: CheckedDouble,
    LargeBinary: CheckedBinary,
}


def check_columns(metadata: MetaData) -> None:
    """Makes the columns of all these tables refuse damaged values."""
    for table in metadata.tables.values():
        for column in table.columns:
            kind = _CHECKED.get(type(column.type))
            if kind is not None:
                checked = kind()
                checked.place = f"{table.name}.{column.name}"
                column.type = checked


def read_json(text: str, kind: type[T], place: str) -> T:
    """Reads a JSON value of this kind from a column. Raises `StoreDamaged`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, kind):
        raise StoreDamaged(place=place, value=shown(text))
    return found
