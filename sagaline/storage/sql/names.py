"""Names of schemas and tables on a connection."""

import hashlib
from typing import Final

from sqlalchemy import Connection

IDENTIFIER_LENGTH: Final = 63
"""Bytes of an identifier on PostgreSQL, which truncates longer ones without an error."""


def is_too_long(name: str) -> bool:
    """Whether PostgreSQL would truncate a name."""
    return len(name.encode()) > IDENTIFIER_LENGTH


def shortened(name: str) -> str:
    """A name that fits PostgreSQL's limit and stays unique."""
    if not is_too_long(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    kept = name.encode()[: IDENTIFIER_LENGTH - 9].decode(errors="ignore")
    return f"{kept}_{digest}"


def default_schema(connection: Connection) -> str | None:
    """The schema of tables without one of their own; None for the database's default."""
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    found: str | None = translated.get(None)
    return found


def qualified(connection: Connection, name: str) -> str:
    """A table's name with its schema, quoted if necessary."""
    quote = connection.dialect.identifier_preparer.quote
    schema = default_schema(connection)
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)
