"""Names of schemas and tables on a connection."""

from sqlalchemy import Connection


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
