"""Creates the tables of a store; many processes may do so at once."""

import json
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Table, insert, inspect, select
from sqlalchemy.schema import CreateSchema

from sagaline.errors import StoreTooNew, StoreUnusable
from sagaline.storage.sql import postgres, postgres_session
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.sql.records import ENVELOPE_COLUMNS
from sagaline.storage.tables.bare_library import CURE, bare_table
from sagaline.storage.tables.schema import commands, metadata, store, timers

FOREIGN = "is not one of Sagaline"
"""The end of the message about another program's table."""

SCHEMA_VERSION = 1
"""The version of the framework's tables, recorded in each store."""


def create_tables(datastore: Datastore, tables: Sequence[Table] = ()) -> None:
    """Creates the missing tables of the framework, and the missing ones of `tables`.

    Many processes may call it at once, and again after tables were dropped. Raises StoreTooNew
    before it creates anything, and StoreUnusable if the store is unreachable, or if `tables` were
    made by the library without SQLAlchemy.
    """
    with datastore.creation_lock:
        try:
            wanted = _unknown(datastore, (*metadata.sorted_tables, *tables))
            if wanted:
                _create_missing(datastore, wanted)
        except Exception as error:
            datastore.refuse_unusable(error)
            raise
        datastore.existing_tables.update(table.name for table in wanted)


def _unknown(datastore: Datastore, tables: Sequence[Table]) -> list[Table]:
    """The tables that were not complete before, and those that were dropped since."""
    known = datastore.existing_tables
    if known:
        shared = datastore.scoped_session is not None
        with datastore.inspect() if shared else datastore.read() as connection:
            known.intersection_update(inspect(connection).get_table_names(datastore.schema))
    return [table for table in tables if table.name not in known]


def _create_missing(datastore: Datastore, tables: Sequence[Table]) -> None:
    """Creates missing tables, and the columns that tables of upstream or of version 0.1.0 lack.

    Most starts find all tables, so it reads first and acquires the lock only if one is missing.
    """
    with datastore.inspect() as connection:
        _refuse_read_only(datastore, connection)
        refuse_unfit(datastore, connection)
        refuse_bare(datastore, connection, [each.name for each in tables])
        if not any(_is_missing(connection, datastore, table) for table in tables):
            return
    with datastore.create() as connection:
        _lock(datastore, connection)
        refuse_unfit(datastore, connection)
        for table in tables:
            _complete(connection, datastore, table)
        if store in tables and connection.execute(select(store)).first() is None:
            row = {"version": SCHEMA_VERSION, "applications": json.dumps([])}
            connection.execute(insert(store), row)


def _refuse_read_only(datastore: Datastore, connection: Connection) -> None:
    if datastore.dialect == "postgresql" and postgres_session.is_read_only(connection):
        raise StoreUnusable(url=datastore.address, reason=postgres_session.READ_ONLY)


def refuse_bare(datastore: Datastore, connection: Connection, names: Collection[str]) -> None:
    """Raises StoreUnusable if the library has made one of these tables without SQLAlchemy."""
    found = bare_table(inspect(connection), datastore.schema, names)
    if found is not None:
        reason = f"its table {found[0]!r} is one of {found[1]}: {CURE}"
        raise StoreUnusable(url=datastore.address, reason=reason)


def refuse_unfit(datastore: Datastore, connection: Connection) -> None:
    """Raises StoreTooNew for a store made by a later version.

    Raises StoreUnusable if one of the framework's table names belongs to another program. Tables
    with other names may share the database.
    """
    foreign = _foreign(datastore, connection)
    if foreign is not None:
        reason = f"its table {foreign!r} {FOREIGN}"
        raise StoreUnusable(url=datastore.address, reason=reason)
    if not inspect(connection).has_table(store.name, datastore.schema):
        return
    found = connection.execute(select(store.c.version)).scalar()
    if found is not None and found > SCHEMA_VERSION:
        raise StoreTooNew(url=datastore.address, reason="", found=found, known=SCHEMA_VERSION)


def _foreign(datastore: Datastore, connection: Connection) -> str | None:
    """Another program's table that has the name of one of the framework's."""
    inspector = inspect(connection)
    # One query for all names: between two queries another process may create all tables.
    there = {*inspector.get_table_names(datastore.schema)}
    if store.name in there:
        columns = inspector.get_columns(store.name, datastore.schema)
        return None if {*store.c.keys()} <= {each["name"] for each in columns} else store.name
    there.update(inspector.get_view_names(datastore.schema))
    return min(there.intersection(metadata.tables), default=None)


def _is_missing(connection: Connection, datastore: Datastore, table: Table) -> bool:
    schema = table.schema or datastore.schema
    if not inspect(connection).has_table(table.name, schema):
        return True
    return bool(_lacking(connection, table, schema))


def _lacking(connection: Connection, table: Table, schema: str | None) -> list[str]:
    """The columns that were added to a table after upstream, or an earlier version, created it."""
    wanted = [name for name in ENVELOPE_COLUMNS if name in table.c and "originator_id" in table.c]
    if table is commands:
        wanted = [commands.c.handled_at.name]
    if table is timers:
        wanted = [timers.c.answers.name, timers.c.metadata.name]
    if not wanted:
        return []
    there = {column["name"] for column in inspect(connection).get_columns(table.name, schema)}
    return [name for name in wanted if name not in there]


def missing_columns(connection: Connection, table: Table) -> list[str]:
    """The columns that a table of an earlier version lacks."""
    schemas = connection.get_execution_options().get("schema_translate_map", {})
    return _lacking(connection, table, schemas.get(table.schema, table.schema))


def _lock(datastore: Datastore, connection: Connection) -> None:
    if datastore.dialect != "postgresql":
        return  # on SQLite the write transaction is the lock
    postgres.lock_creation(connection)
    if datastore.schema and not inspect(connection).has_schema(datastore.schema):
        connection.execute(CreateSchema(datastore.schema))


def _complete(connection: Connection, datastore: Datastore, table: Table) -> None:
    schema = table.schema or datastore.schema
    table.create(connection, checkfirst=True)
    quote = connection.dialect.identifier_preparer
    for name in _lacking(connection, table, schema):
        kind = table.c[name].type.compile(connection.dialect)
        connection.exec_driver_sql(
            f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {quote.quote(name)} {kind}"
        )
    for index in table.indexes:
        index.create(connection, checkfirst=True)
