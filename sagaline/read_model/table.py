"""The table of a read model: its keys, and the checks when the model is defined."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CHAR, JSON, Column, Dialect, Numeric, String, Table
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.sql.elements import _truncated_label
from sqlalchemy.types import TypeDecorator

from sagaline.errors import DefinitionError, UnfitValue
from sagaline.storage.sql.columns import kind_of, uuid_of_text
from sagaline.storage.sql.conversions import TypeNotKept, conversion_of, default_in
from sagaline.storage.sql.names import is_too_long

KeyParser = Callable[[str], Any]
"""Turns the key of a message into the key of a row. Raises ValueError where it cannot."""

Refusal = tuple[str, str]
"""What is wrong with a table, and the cure."""

_GENERATION: Final = re.compile(r"__(old|spare|\d+)$", re.IGNORECASE)
"""The end of the names that a rebuild gives to tables."""

_SYSTEM_COLUMNS: Final = frozenset({"ctid", "cmax", "cmin", "tableoid", "xmax", "xmin"})
"""Columns that every table of PostgreSQL has."""

_DIALECTS: Final[tuple[Dialect, ...]] = (SQLiteDialect(), PGDialect())  # type: ignore[no-untyped-call]


def key_parser(table: Table) -> KeyParser | None:
    """The parser of a table's keys; None where they do not follow from one text."""
    kinds = [kind_of(each) for each in table.primary_key.columns]
    known: dict[type, KeyParser] = {UUID: uuid_of_text, str: str, int: int}
    return known.get(kinds[0]) if len(kinds) == 1 else None


def check_table(where: str, table: Table | None) -> None:
    """Refuses a table that cannot be read by key, kept exactly, or rebuilt.

    Raises `DefinitionError`.
    """
    for problem, cure in _refusals(table):
        raise DefinitionError(where=where, problem=problem, cure=cure)


def _refusals(table: Table | None) -> Iterator[Refusal]:
    if table is None:
        yield "it has no table", "Give it one: table = Table('order_list', metadata, ...)."
        return
    if not table.primary_key.columns:
        cure = "Mark the columns that name a row with primary_key=True."
        yield f"the table {table.name} has no primary key", cure
    yield from _refused_names(table)
    if varying := [each.name for each in table.columns if _varies(each)]:
        problem = f"the database would give {', '.join(varying)} another value in a rebuild"
        yield problem, "Set the value in the handler, or give the column a constant default."
    if table.foreign_keys:
        cure = "Leave it out: rows of two tables, or of two batches, are written in any order."
        yield f"the table {table.name} has a foreign key", cure
    for column in table.columns:
        yield from _refused_type(column)


def _refused_names(table: Table) -> Iterator[Refusal]:
    name, columns = table.name, [each.name for each in table.columns]
    truncated = _truncated_label  # a name that SQLAlchemy itself shortens
    if table.schema is not None:
        cure = "Leave the schema out; SQLALCHEMY_SCHEMA sets that of all tables."
        yield f"the table {name} names the schema {table.schema}", cure
    if not name or "@" in name or _GENERATION.search(name) or name.lower().startswith("sqlite_"):
        yield f"the name {name!r} is kept for tables of a rebuild or of SQLite", "Rename the table."
    given = [str(each.name) for each in table.indexes if not isinstance(each.name, truncated)]
    if long := [each for each in (name, *columns, *given) if is_too_long(each)]:
        yield f"PostgreSQL would cut off {long[0]}", "Use at most 63 bytes."
    lower = [each.lower() for each in columns]
    if same := [each for each in columns if lower.count(each.lower()) > 1 or not each]:
        yield f"SQLite takes the columns {', '.join(same)} for one", "Name each in its own way."
    if taken := [each for each in columns if each in _SYSTEM_COLUMNS]:
        yield f"PostgreSQL has a column {taken[0]} of its own", "Rename the column."


def _refused_type(column: Column[Any]) -> Iterator[Refusal]:
    try:
        for dialect in _DIALECTS:
            default_in(column, conversion_of(column, dialect))
    except UnfitValue as error:
        yield (
            f"the default of the column {column.name} does not fit: {str(error)[:-1]}",
            "Change it.",
        )
    except TypeNotKept as error:
        yield f"the column {column.name} cannot be {column.type!r}: {error.problem}", error.cure
    type_: Any = column.type
    while isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    collates = isinstance(type_, String) and type_.collation is not None
    if column.primary_key and (collates or isinstance(type_, Numeric | JSON | CHAR)):
        problem = f"the column {column.name} is part of the key, and equal values may be written"
        yield f"{problem} in several ways as {column.type!r}", "Use Uuid, Text or Integer."


def _varies(column: Column[Any]) -> bool:
    return bool(
        (column.default is not None and not column.default.is_scalar)
        or column.server_default is not None
        or column.onupdate is not None
    )
