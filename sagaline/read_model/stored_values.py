"""The keys and the values of a read table, as the database returns them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect, Table

from sagaline.errors import RowUnfit, UnknownColumn
from sagaline.storage.sql.columns import Convert, kind_of
from sagaline.storage.sql.conversions import conversion_of, default_in


class StoredValues:
    """Converts keys and values before a row in memory has them.

    So a handler reads the same value before and after the row was written, and a rebuild gives the
    rows that the live table has, whatever the batches are.
    """

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self._table = table
        self._conversions = {each.name: conversion_of(each, dialect) for each in table.columns}
        self.key_columns = [each.name for each in table.primary_key.columns]
        self.plain = {
            name: each.plain
            for name, each in self._conversions.items()
            if name not in self.key_columns
        }
        """For each column that can be set: the type whose values are stored as they are."""
        self.converts = {name: each.convert for name, each in self._conversions.items()}
        """For each column: what makes of a value the one that the database will return."""
        self.defaults = {
            each.name: default_in(each, self._conversions[each.name]) for each in table.columns
        }
        self.images = {
            name: each.image
            for name, each in self._conversions.items()
            if each.image is not None and name in self.plain
        }
        """The columns whose values can change in place, with what two values are compared by."""
        self._key_types = [kind_of(each) for each in table.primary_key.columns]
        self._plain_key = tuple(self._conversions[each].plain for each in self.key_columns)
        self.key_type = self._plain_key[0] if len(self._plain_key) == 1 else None
        """The type of keys that are stored as they are; None where each has to be converted."""

    def stored(self, key: Any, column: str, value: Any) -> Any:
        """A value as the database will return it. Raises `UnknownColumn` or `RowUnfit`."""
        if column not in self.plain:
            raise self.unknown(column)
        try:
            return self.converts[column](value)
        except Exception as error:
            raise self.unfit(key, column, error) from error

    def converts_of(self, row: Mapping[str, Any]) -> list[tuple[str, Convert]]:
        """The columns whose values have to be converted, and how."""
        return [
            (column, self.converts[column])
            for column, value in row.items()
            if self.plain.get(column) is not type(value)
        ]

    def unfit(self, key: Any, column: str, error: Exception) -> RowUnfit:
        """The error for a value that the database would not return."""
        return RowUnfit(table=self._table.name, key=key, column=column, reason=str(error))

    def unknown(self, *columns: str) -> UnknownColumn:
        """The error for columns that a handler cannot set."""
        return UnknownColumn(
            table=self._table.name, column=", ".join(sorted(columns)), columns=", ".join(self.plain)
        )

    def images_of(self, row: Mapping[str, Any]) -> list[Any]:
        """What the values that can change in place are compared by."""
        return [image(row[column]) for column, image in self.images.items()]

    def key(self, key: Any) -> Any:
        """A key as the database returns it."""
        parts = self.key_values(key)
        return parts if len(parts) > 1 else parts[0]

    def key_values(self, key: Any) -> tuple[Any, ...]:
        """A key's values, one for each column of the primary key. Raises `RowUnfit`."""
        if type(key) is self.key_type:
            return (key,)
        parts = key if isinstance(key, tuple) else (key,)
        if tuple(map(type, parts)) == self._plain_key:
            return parts
        if len(parts) != len(self._key_types) or not all(map(isinstance, parts, self._key_types)):
            raise self._unfit_key(key)
        pairs = zip(self.key_columns, parts, strict=True)
        return tuple(self._conversions[name].convert(part) for name, part in pairs)

    def _unfit_key(self, key: Any) -> RowUnfit:
        kinds = ", ".join(
            f"{name}: {kind.__name__}"
            for name, kind in zip(self.key_columns, self._key_types, strict=True)
        )
        reason = f"it is ({kinds})"
        return RowUnfit(table=self._table.name, key=repr(key), column="the key", reason=reason)
