"""The ids of the commands that an application was given by people, so that twice is one effect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Connection, bindparam, func, insert, select

from sagaline.storage.tables.schema import commands

# One statement for all: one for each takes twice as long, here and in the server.
_given = (func.unnest(bindparam(each.name, type_=ARRAY(each.type))) for each in commands.c)
_remember_at_once = insert(commands).from_select(commands.c.keys(), select(*_given))

CHUNK = 500
"""Ids in one SELECT: below every database's limit of parameters."""


class KnownCommand(NamedTuple):
    """What a command id was used for, and the id of the last event that it wrote."""

    digest: str
    position: int | None
    application: str


def known_commands(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, KnownCommand]:
    """Those of the ids that were used before, for whatever application of the store."""
    known: dict[UUID, KnownCommand] = {}
    for chunk in _chunks([str(each) for each in ids]):
        for row in connection.execute(select(commands).where(commands.c.id.in_(chunk))):
            known[UUID(row.id)] = KnownCommand(row.digest, row.position, row.application)
    return known


def remember_commands(connection: Connection, given: Mapping[UUID, KnownCommand]) -> None:
    """Adds ids. Raises upstream's IntegrityError where another writer was first."""
    rows = [{"id": str(id_), **each._asdict()} for id_, each in given.items()]
    if rows and connection.dialect.name == "postgresql":
        columns = {each.name: [row[each.name] for row in rows] for each in commands.c}
        connection.execute(_remember_at_once, columns)
    elif rows:
        connection.execute(insert(commands), rows)


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
