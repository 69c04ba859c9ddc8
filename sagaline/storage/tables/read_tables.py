"""Read tables: the fingerprints of their code, and the steps of a rebuild."""

from collections.abc import Collection

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Table,
    bindparam,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from sagaline.errors import StoreUnusable
from sagaline.storage.sql.names import default_schema, qualified
from sagaline.storage.tables.creation import FOREIGN
from sagaline.storage.tables.followers import FollowerState, follower_state, raise_fence, register
from sagaline.storage.tables.schema import dead_letters, followers, positions, read_tables

_read_fingerprint = select(read_tables.c.fingerprint).where(
    read_tables.c.name == bindparam("table")
)


def fingerprints(connection: Connection) -> dict[str, str]:
    """The fingerprint of the code and schema that each read table was built with, by table."""
    query = select(read_tables.c.name, read_tables.c.fingerprint)
    return dict(connection.execute(query).tuples().all())


def fingerprint_of(connection: Connection, name: str) -> str | None:
    """The fingerprint that is recorded for a read table; None if none is, or for no read table."""
    return connection.execute(_read_fingerprint, {"table": name}).scalar()


def record_fingerprint(connection: Connection, name: str, fingerprint: str) -> None:
    """Records the fingerprint of a read table."""
    connection.execute(CreateTable(read_tables, if_not_exists=True))
    values = {"fingerprint": fingerprint}
    changed = connection.execute(
        update(read_tables).where(read_tables.c.name == name).values(**values)
    )
    if changed.rowcount == 0:
        connection.execute(insert(read_tables).values(name=name, **values))


def shadows(connection: Connection, prefix: str) -> list[str]:
    """The followers whose names start with a prefix: the running rebuilds of a table."""
    query = select(followers.c.name).where(followers.c.name.startswith(prefix, autoescape=True))
    return list(connection.execute(query.order_by(followers.c.name)).scalars())


def forget_follower(connection: Connection, name: str) -> None:
    """Deletes a follower and its positions."""
    connection.execute(delete(followers).where(followers.c.name == name))
    connection.execute(delete(positions).where(positions.c.follower == name))


def lock_follower(connection: Connection, name: str) -> FollowerState:
    """Moves a follower's fence, so that its runner reads its state again; returns that state."""
    raise_fence(connection, name)
    return follower_state(connection, name)


def place_follower(connection: Connection, name: str, reached: dict[str, int]) -> None:
    """Sets a follower's positions, forward or back."""
    register(connection, name, reached)
    for leader, position in reached.items():
        statement = update(positions).where(
            positions.c.follower == name, positions.c.leader == leader
        )
        connection.execute(statement.values(position=position))


def start_over(connection: Connection, name: str) -> None:
    """Resets a follower to the start of its logs, without dead letters, for a new table."""
    reached = lock_follower(connection, name).positions
    if reached:
        place_follower(connection, name, dict.fromkeys(reached, 0))
        connection.execute(delete(dead_letters).where(dead_letters.c.follower == name))


def move_letters(connection: Connection, follower: str, other: str) -> None:
    """Moves the dead letters of one follower to another, and deletes the other's own."""
    connection.execute(delete(dead_letters).where(dead_letters.c.follower == other))
    mine = dead_letters.c.follower == follower
    connection.execute(update(dead_letters).where(mine).values(follower=other))


def table_exists(connection: Connection, name: str) -> bool:
    """Whether the database has this table."""
    return inspect(connection).has_table(name, schema=default_schema(connection))


def columns_of(connection: Connection, name: str) -> list[str]:
    """The names of a table's columns in the database."""
    found = inspect(connection).get_columns(name, schema=default_schema(connection))
    return [each["name"] for each in found]


def refuse_foreign(connection: Connection, address: str, table: Table) -> None:
    """Raises StoreUnusable where the name of a read table belongs to another program's table.

    A table with the same columns may have been made for the read model beforehand.
    """
    name = table.name
    if not table_exists(connection, name) or name in fingerprints(connection):
        return
    views = inspect(connection).get_view_names(default_schema(connection))
    wanted = {each.name for each in table.columns}
    if name in views or set(columns_of(connection, name)) != wanted:
        reason = f"its table {name!r} {FOREIGN}: rename the table of the read model"
        raise StoreUnusable(url=address, reason=reason)


def rename_table(connection: Connection, old: str, new: str) -> None:
    """Renames a table, in the caller's transaction.

    Views and triggers go on naming the old name, and so find the table that has it next; on
    PostgreSQL they follow the table.
    """
    quote = connection.dialect.identifier_preparer.quote
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    try:
        connection.exec_driver_sql(
            f"ALTER TABLE {qualified(connection, old)} RENAME TO {quote(new)}"
        )
    finally:
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")


def drop_table(connection: Connection, name: str) -> None:
    """Drops a table if it exists."""
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {qualified(connection, name)}")


def count_rows(connection: Connection, name: str) -> int:
    """The number of rows of a table."""
    query = f"SELECT count(*) FROM {qualified(connection, name)}"
    return int(connection.exec_driver_sql(query).scalar_one())


def differing_keys(
    connection: Connection, table: Table, other: str, limit: int
) -> list[tuple[object, ...]]:
    """The primary keys of up to `limit` rows that differ, or exist in one of two tables only."""
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(_comparable(connection, each) for each in table.columns)
    keys = ", ".join(quote(each.name) for each in table.primary_key.columns)
    names = [qualified(connection, each) for each in (table.name, other)]
    found: Collection[tuple[object, ...]] = ()
    for one, two in (names, names[::-1]):
        inner = f"SELECT {columns} FROM {one} EXCEPT SELECT {columns} FROM {two}"
        query = f"SELECT {keys} FROM ({inner}) AS differing LIMIT {limit}"
        found = [*found, *(tuple(row) for row in connection.exec_driver_sql(query))]
    return list(dict.fromkeys(found))[:limit]


def _comparable(connection: Connection, column: Column[object]) -> str:
    name = connection.dialect.identifier_preparer.quote(column.name)
    # PostgreSQL has no equality for JSON.
    return f"CAST({name} AS TEXT) AS {name}" if isinstance(column.type, JSON) else name
