"""Rows of a query."""

from typing import Any

from sqlalchemy import Connection, Select


def rows_of(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    """The rows, each as a dictionary by column name."""
    return [dict(row) for row in connection.execute(query).mappings()]
