"""How far a follower has come: its positions, its fence and its parked keys, as the store says."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from sagaline.errors import TableOutOfDate
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import parked_keys
from sagaline.storage.tables.followers import advance, follower_state
from sagaline.storage.tables.port_calls import CallRow, calls_of
from sagaline.storage.tables.read_tables import fingerprint_of


class Progress:
    """The positions of a follower, which move together with its fence in one transaction.

    Until `load` has read them, and after `reset`, nothing may be committed. `continues` says
    whether the loaded code may write a read table of this fingerprint.
    """

    def __init__(
        self,
        datastore: Datastore,
        follower: str,
        leaders: Iterable[str],
        continues: Callable[[str | None], bool],
    ) -> None:
        self.datastore = datastore
        self._follower = follower
        self._leaders = list(leaders)
        self._continues = continues
        self._made_by: str | None = None
        self._fence: int | None = None
        self._saved: dict[str, int] = {}
        self.positions: dict[str, int] = {}
        """The id of the last event handled or skipped, by leader."""
        self.parked: set[str] = set()
        """The keys whose events are parked, so that later ones are queued after them."""
        self.calls: Sequence[CallRow] = ()
        """The port calls without an answer, as they were read."""

    @property
    def is_loaded(self) -> bool:
        """Whether the fence is known."""
        return self._fence is not None

    @property
    def unsaved(self) -> int:
        """How many ids the positions in memory are ahead of those in the store."""
        return sum(self.positions[each] - self._saved[each] for each in self.positions)

    def load(self) -> None:
        """Reads the fence, the positions and the parked keys from the store.

        Raises TableOutOfDate where the follower's read table is not of the loaded code.
        """
        with self.datastore.read() as connection:
            # Read the fence first: each change of the other rows moves it.
            found = follower_state(connection, self._follower)
            self.parked = parked_keys(connection, self._follower)
            self.calls = calls_of(connection, self._follower)
            self._made_by = fingerprint_of(connection, self._follower)
        if not self._continues(self._made_by):
            raise TableOutOfDate(table=self._follower)
        self._fence = found.fence
        self.positions = {each: found.positions.get(each, 0) for each in self._leaders}
        self._saved = dict(self.positions)

    def reset(self) -> None:
        """Forgets the fence: another runner may have moved it."""
        self._fence = None

    def commit(self, reached: Mapping[str, int], write: Callable[[Connection], None]) -> None:
        """Moves the fence and the positions, and calls `write`, all in one transaction.

        Raises FencedOut where another runner has moved the fence, or other code has made the read
        table anew; nothing is written then.
        """
        assert self._fence is not None
        fence = self._fence
        ahead = {k: v for k, v in self.positions.items() if v != self._saved[k]}
        moved = {**ahead, **reached}
        with self.datastore.write() as connection:
            advance(connection, self._follower, fence, moved, self._made_by)
            write(connection)
        self._fence = fence + 1
        self.positions.update(moved)
        self._saved.update(moved)
