"""The values of one column, as the driver takes and returns them."""

from collections.abc import Sequence
from types import NoneType
from typing import Any

from sqlalchemy import Column
from sqlalchemy.engine import Dialect

from sagaline.storage.sql.conversions import conversion_of


class ColumnValues:
    """Converts the values of one column for statements and from results."""

    def __init__(self, column: Column[Any], dialect: Dialect) -> None:
        self._column = column
        found = conversion_of(column, dialect)
        self.bind = found.bind
        self.reader = found.reader

    def bound(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values converted for the driver. Raises UnfitAt with the index of an unfit one."""
        # Types compare faster than values do.
        if not self._column.nullable and NoneType in map(type, values):
            raise UnfitAt(values.index(None), self._column.name, "it needs a value")
        if self.bind is None:
            return values
        try:
            return list(map(self.bind, values))
        except Exception:
            for index, value in enumerate(values):
                self._try(index, value)
            raise

    def _try(self, index: int, value: Any) -> None:
        assert self.bind is not None
        try:
            self.bind(value)
        except Exception as error:
            raise UnfitAt(index, self._column.name, str(error)) from error


class UnfitAt(Exception):
    """The value at this index does not fit its column."""

    def __init__(self, index: int, column: str, reason: str) -> None:
        super().__init__(index, column, reason)
        self.index = index
        self.column = column
        self.reason = reason
