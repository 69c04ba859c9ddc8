"""The ids of handled commands, so that a repeated command has its effect once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from sagaline.storage.sql.chunks import chunks
from sagaline.storage.tables.schema import commands

# One statement for all rows: one for each takes twice as long, in the client and in the server.
_given = (func.unnest(bindparam(each.name, type_=ARRAY(each.type))) for each in commands.c)
_remember_at_once = insert(commands).from_select(commands.c.keys(), select(*_given))

_limit: BindParameter[int] = bindparam("rows")
_is_old = commands.c.handled_at < bindparam("before")
_old = select(commands.c.id).where(_is_old).order_by(commands.c.handled_at).limit(_limit)
_forget = delete(commands).where(commands.c.id.in_(_old))
# Rows of earlier versions have no time: they are kept as long as if they were new.
_is_undated = commands.c.handled_at.is_(None)
_undated = select(commands.c.id).where(_is_undated).limit(_limit)
_date = update(commands).where(commands.c.id.in_(_undated)).values(handled_at=bindparam("now"))
_first = select(commands.c.id).where(or_(_is_old, _is_undated)).limit(1)


class KnownCommand(NamedTuple):
    """A handled command: its digest, and the id of the last event that it wrote."""

    digest: str
    position: int | None


class KnownCommands:
    """The commands that one application has handled, of those with the given ids.

    Each application has ids of its own, in one store as in several. The row of an id has the id as
    its key; a second application of the store that uses the id adds its name to the key.
    """

    def __init__(self, connection: Connection, application: str, ids: Sequence[UUID]) -> None:
        self.found: dict[UUID, KnownCommand] = {}
        self._application = application
        self._taken: set[UUID] = set()
        keys = {key: each for each in ids for key in (str(each), self._second_key(each))}
        for chunk in chunks(list(keys)):
            for row in connection.execute(select(commands).where(commands.c.id.in_(chunk))):
                if row.application == application:
                    self.found[keys[row.id]] = KnownCommand(row.digest, row.position)
                else:
                    self._taken.add(keys[row.id])

    def remember(
        self, connection: Connection, given: Mapping[UUID, KnownCommand], now: float
    ) -> None:
        """Adds commands. Raises upstream's IntegrityError if another writer was first."""
        rows = [self._row(id_, each, now) for id_, each in given.items()]
        if rows and connection.dialect.name == "postgresql":
            columns = {each.name: [row[each.name] for row in rows] for each in commands.c}
            connection.execute(_remember_at_once, columns)
        elif rows:
            connection.execute(insert(commands), rows)

    def _row(self, id: UUID, command: KnownCommand, now: float) -> dict[str, object]:
        key = self._second_key(id) if id in self._taken else str(id)
        known = {"application": self._application, "handled_at": now}
        return {"id": key, **known, **command._asdict()}

    def _second_key(self, id: UUID) -> str:
        return f"{id} {self._application}"


def is_command_old(connection: Connection, before: float) -> bool:
    """Whether `forget_commands` would change anything."""
    return connection.execute(_first, {"before": before}).first() is not None


def forget_commands(connection: Connection, before: float, now: float, rows: int) -> None:
    """Deletes some of the commands that were handled before that time, the oldest first."""
    connection.execute(_date, {"now": now, "rows": rows})
    connection.execute(_forget, {"before": before, "rows": rows})
