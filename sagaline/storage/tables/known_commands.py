"""The ids of handled commands, so that a repeated command has its effect once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Connection, bindparam, func, insert, select

from sagaline.storage.sql.chunks import chunks
from sagaline.storage.tables.schema import commands

# One statement for all rows: one for each takes twice as long, in the client and in the server.
_given = (func.unnest(bindparam(each.name, type_=ARRAY(each.type))) for each in commands.c)
_remember_at_once = insert(commands).from_select(commands.c.keys(), select(*_given))


class KnownCommand(NamedTuple):
    """A handled command: its digest, the id of the last event that it wrote, its application."""

    digest: str
    position: int | None
    application: str


def known_commands(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, KnownCommand]:
    """The ids that were used before, by any application of the store."""
    known: dict[UUID, KnownCommand] = {}
    for chunk in chunks([str(each) for each in ids]):
        for row in connection.execute(select(commands).where(commands.c.id.in_(chunk))):
            known[UUID(row.id)] = KnownCommand(row.digest, row.position, row.application)
    return known


def remember_commands(connection: Connection, given: Mapping[UUID, KnownCommand]) -> None:
    """Adds ids. Raises upstream's IntegrityError if another writer was first."""
    rows = [{"id": str(id_), **each._asdict()} for id_, each in given.items()]
    if rows and connection.dialect.name == "postgresql":
        columns = {each.name: [row[each.name] for row in rows] for each in commands.c}
        connection.execute(_remember_at_once, columns)
    elif rows:
        connection.execute(insert(commands), rows)
