"""Where a table is, in the words of a connection's database."""

from sqlalchemy import Connection


def schema_of(connection: Connection) -> str | None:
    """The schema of the tables that name none; None for the database's own."""
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    found: str | None = translated.get(None)
    return found


def qualified(connection: Connection, name: str) -> str:
    """A table's name with its schema, quoted where it must be."""
    quote = connection.dialect.identifier_preparer.quote
    schema = schema_of(connection)
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)
