"""The table of a read model: its keys, and the checks when the model is defined."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table

from sagaline.errors import DefinitionError
from sagaline.storage.sql.columns import kind_of, uuid_of_text

KeyParser = Callable[[str], Any]
"""Turns the key of a message into the key of a row. Raises ValueError where it cannot."""


def key_parser(table: Table) -> KeyParser | None:
    """The parser of a table's keys; None where they do not follow from one text."""
    kinds = [kind_of(each) for each in table.primary_key.columns]
    known: dict[type, KeyParser] = {UUID: uuid_of_text, str: str, int: int}
    return known.get(kinds[0]) if len(kinds) == 1 else None


def check_table(where: str, table: Table | None) -> None:
    """Refuses a table that cannot be read by key, or rebuilt. Raises `DefinitionError`."""
    if table is None:
        problem = "it has no table"
        cure = "Give it one: table = Table('order_list', metadata, ...)."
    elif not table.primary_key.columns:
        problem = f"the table {table.name} has no primary key"
        cure = "Mark the columns that name a row with primary_key=True."
    elif varying := [each.name for each in table.columns if _varies(each)]:
        problem = f"the database would give {', '.join(varying)} another value in a rebuild"
        cure = "Set the value in the handler, or give the column a constant default."
    else:
        return
    raise DefinitionError(where=where, problem=problem, cure=cure)


def _varies(column: Column[Any]) -> bool:
    return bool(
        (column.default is not None and not column.default.is_scalar)
        or column.server_default is not None
        or column.onupdate is not None
    )
