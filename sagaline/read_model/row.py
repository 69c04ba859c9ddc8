"""One row of a read table: a dict that records which of its columns were set."""

from typing import Any, Final, NoReturn, Protocol

from sqlalchemy import Table
from typing_extensions import override

from sagaline.errors import RowColumnsFixed

UNCHANGED: Final[Any] = frozenset()
"""In place of a row's set columns: none was set since the row was read or written."""

REPLACED: Final[Any] = frozenset({"*"})
"""In place of a row's set columns: the whole row was assigned."""

_put = dict.__setitem__


class RowOwner(Protocol):
    """The rows of a table, as one of them sees them."""

    table: Table
    plain: dict[str, type | None]
    changed: "dict[Any, Row | None]"

    def stored(self, key: Any, column: str, value: Any) -> Any:
        """A value as the database will return it. Raises `UnknownColumn` or `RowUnfit`."""


class Row(dict[str, Any]):
    """One row by column name: a value that is set is written with the batch.

    A value that is set is at once the value that the database will return: a list for a tuple in a
    JSON column, for example. A row is valid for the event that it was read for: read it again for
    the next event.
    """

    __slots__ = ("_columns", "_key", "_rows")

    _rows: RowOwner
    _key: Any
    _columns: set[str]
    """The columns set since the row was read or written, or `UNCHANGED`, or `REPLACED`."""

    @override
    def __setitem__(self, column: str, value: Any) -> None:
        if self._rows.plain.get(column) is not type(value):
            value = self._rows.stored(self._key, column, value)
        _put(self, column, value)
        if self._columns is UNCHANGED:
            self._columns = {column}
            self._rows.changed[self._key] = self
        elif self._columns is not REPLACED:
            self._columns.add(column)

    @override
    def update(self, *values: Any, **more: Any) -> None:
        """Sets several columns."""
        for column, value in dict(*values, **more).items():
            self[column] = value

    def __ior__(self, values: Any) -> "Row":  # type: ignore[misc, override]
        self.update(values)
        return self

    def _refuse(self, *_: Any) -> NoReturn:
        raise RowColumnsFixed(table=self._rows.table.name)

    __delitem__ = pop = popitem = clear = setdefault = _refuse
