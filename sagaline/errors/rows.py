"""Errors of the rows of read models."""

from typing_extensions import override

from sagaline.errors.base import SagalineError


class UnfitValue(SagalineError, ValueError):
    """{value!r} is not {kind}: {reason}."""

    value: object
    kind: str
    reason: str


class UnknownColumn(SagalineError):
    """The table {table} has no column {column!r} to set. It has {columns}."""


class RowMissing(SagalineError, KeyError):
    """The table {table} has no row {key}."""

    table: str
    key: object

    @override
    def __str__(self) -> str:
        return Exception.__str__(self)


class NoRows(SagalineError, AttributeError):
    """{model} has rows only inside its handlers: test it with given({model}).when(...)."""


class RowUnfit(SagalineError, ValueError):
    """The row {key} of {table} cannot be written: {column}: {reason}"""


class RowsNotListed(SagalineError, TypeError):
    """The rows of {table} are read by key: to list or count them, query the table."""


class RowColumnsFixed(SagalineError, TypeError):
    """A row of {table} has every column of its table: set a column to None to empty it."""


class RowsLost(SagalineError):
    """{count} rows of {table} are gone: another program writes to it. Rebuild the read model."""
