"""The follower of a shadow table: its name, lease, fence and positions in the store."""

import logging
from collections.abc import Collection

from sqlalchemy import Connection

from sagaline.errors import RebuildUnderWay
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.fingerprint import fingerprint
from sagaline.read_model.projector import Projector
from sagaline.runner.leases import Leases
from sagaline.storage import Datastore
from sagaline.storage.sql.names import shortened
from sagaline.storage.tables.followers import advance, follower_state, register
from sagaline.storage.tables.read_tables import (
    drop_table,
    forget_follower,
    lock_follower,
    refuse_foreign,
    shadows,
    start_over,
)

VERIFYING = "verify"
"""In place of a fingerprint, in the name of a shadow that is only compared."""


class ShadowFollower:
    """The follower of a shadow table, which one rebuild at a time owns by a lease."""

    def __init__(
        self, model: type[ReadModel], datastore: Datastore, leaders: Collection[str], verify: bool
    ) -> None:
        self._model = model
        self._datastore = datastore
        self._leaders = leaders
        self._verify = verify
        self._fence = 0
        self.view = model.table.name
        self.name = ""
        self.positions: dict[str, int] = {}
        self.leases: Leases

    @property
    def table_name(self) -> str:
        """The name of the shadow table."""
        return _table_of(self.name)

    def open(self, connection: Connection) -> None:
        """Find the shadow of a rebuild that was killed, or register a new one.

        Raises RebuildUnderWay where another process owns one of this read table.
        """
        made_by = VERIFYING if self._verify else fingerprint(self._model)
        refuse_foreign(connection, self._datastore.address, self._model.table)
        if Projector(self._model, self._datastore).create_table(connection):
            start_over(connection, self.view)
        register(connection, self.view, self._leaders)
        # The lock comes first: of two that open at once, the second then finds the first's shadow.
        generation = lock_follower(connection, self.view).fence
        known = shadows(connection, f"{self.view}@")
        same = [each for each in known if each.endswith(f":{made_by}")]
        # A verification is never continued, and drops no shadow of a rebuild.
        obsolete = [each for each in known if (each in same) is self._verify]
        continues = bool(same) and not self._verify
        self.name = same[0] if continues else f"{self.view}@{generation}:{made_by}"
        register(connection, self.name, self._leaders)
        self._acquire([self.name, *obsolete])
        for each in obsolete:
            _drop(connection, each)

    def read(self) -> None:
        """Read the fence and the positions from the store."""
        with self._datastore.read() as connection:
            found = follower_state(connection, self.name)
        self._fence = found.fence
        self.positions = {each: found.positions.get(each, 0) for each in self._leaders}

    def advance(self, connection: Connection, reached: dict[str, int]) -> None:
        """Write new positions. Raises FencedOut where another rebuild continued this one."""
        advance(connection, self.name, self._fence, reached)

    def after_commit(self, reached: dict[str, int]) -> None:
        """Record that the new positions are committed."""
        self._fence += 1
        self.positions.update(reached)

    def drop(self, connection: Connection) -> None:
        """Drop the follower and its table."""
        _drop(connection, self.name)

    def _acquire(self, names: Collection[str]) -> None:
        """Acquire the leases of all these shadows: no other rebuild may be active on one."""
        self.leases = Leases(self._datastore, names, log_level=logging.DEBUG)
        self.leases.acquire()
        if not self.leases.held.issuperset(names):
            raise RebuildUnderWay(view=self.view)


def _drop(connection: Connection, name: str) -> None:
    if not name.endswith("@old"):
        drop_table(connection, _table_of(name))
        forget_follower(connection, name)


def _table_of(follower: str) -> str:
    """Return the table of a shadow follower: order_list__7 of ``order_list@7:3f2a``."""
    view, _, rest = follower.partition("@")
    return shortened(f"{view}__{rest.partition(':')[0]}")
