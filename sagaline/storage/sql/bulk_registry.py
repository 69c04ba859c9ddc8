"""The `Bulk` of each table, kept because building its statements takes longer than running them."""

from functools import lru_cache

from sqlalchemy import Connection, Dialect, Table

from sagaline.storage.sql.bulk import Bulk
from sagaline.storage.sql.postgres_bulk import PostgresBulk
from sagaline.storage.sql.sqlite_bulk import SQLiteBulk


def bulk_of(table: Table, connection: Connection) -> Bulk:
    """The bulk statements of a table for this connection's database and schema."""
    schemas = connection.get_execution_options().get("schema_translate_map", {})
    return _bulk(table, schemas.get(table.schema, table.schema), connection.dialect)


@lru_cache(1_000)
def _bulk(table: Table, schema: str | None, dialect: Dialect) -> Bulk:
    kind = PostgresBulk if dialect.name == "postgresql" else SQLiteBulk
    return kind(table, schema, dialect)
