"""The columns of an events table, as a log writes and reads them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Table, null
from sqlalchemy.sql.compiler import IdentifierPreparer

from sagaline.storage.sql.records import ENVELOPE_COLUMNS

STORED = ("originator_id", "originator_version", "topic", "state")


class LogColumns:
    """The columns of a `LogRow`; a table of an earlier version may lack some until it is run."""

    def __init__(self, table: Table, quote: IdentifierPreparer) -> None:
        self._table = table
        self._quoted = {each: quote.quote(each) for each in ("id", *STORED, *ENVELOPE_COLUMNS)}
        self.lacking: Collection[str] = ()

    @property
    def listed(self) -> str:
        """All of them, for a write."""
        return ", ".join(self._quoted.values())

    @property
    def read(self) -> str:
        """All of them, for a query: NULL stands for those that the table lacks."""
        found = (f"NULL AS {v}" if k in self.lacking else v for k, v in self._quoted.items())
        return ", ".join(found)

    @property
    def selected(self) -> list[ColumnElement[Any]]:
        """The same for a query of SQLAlchemy."""
        return [
            null().label(each) if each in self.lacking else self._table.c[each]
            for each in self._quoted
        ]
