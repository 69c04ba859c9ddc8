"""A datastore in a process that forks, and in its child."""

from contextvars import ContextVar
from threading import Lock, RLock
from typing import Any, Protocol

from sqlalchemy import Engine

from sagaline.storage.sql.connections import Connections

_left_to_parent: list[object] = []
"""The connections of the process that this one was forked from: closing them would end them."""


class ForkedStore(Protocol):
    """What a fork closes and makes anew."""

    sharing: Lock
    creation_lock: Any
    write_lock: Any
    access_lock: Any
    engine: Engine
    current: ContextVar[Any]
    connections: Connections
    has_file: bool

    @property
    def in_transaction(self) -> bool:
        """Whether the caller is inside a transaction."""

    @property
    def is_sqlite_in_memory_db(self) -> bool:
        """Whether the database is in the memory of this process."""


class DatastoreFork:
    """Gives a child connections and locks of its own, or refuses the store to it."""

    def __init__(self, datastore: Any) -> None:
        self._datastore: ForkedStore = datastore
        self.refusal = ""
        """Why the store cannot be used in this process; empty where it can."""

    def before_fork(self) -> None:
        """Closes the connections to a file that are not in use."""
        if self._datastore.has_file and not self._datastore.in_transaction:
            self._datastore.connections.close()
            self._datastore.engine.dispose()

    def after_fork_in_parent(self) -> None:
        """Does nothing: connections are opened when they are needed."""

    def after_fork_in_child(self) -> None:
        """Leaves the connections to the parent, and the locks to its threads."""
        store = self._datastore
        type(store).sharing, store.creation_lock = Lock(), RLock()
        self.make_locks()
        _left_to_parent.extend((store.engine.pool, store.connections.leave()))
        store.engine.dispose(close=False)
        if store.is_sqlite_in_memory_db:
            self.refusal = "it is in the memory of the process that forked: use a file"

    def make_locks(self) -> None:
        """Makes the locks of the transactions, which a finalizer may release.

        A semaphore of upstream's has a lock of its own inside.
        """
        store = self._datastore
        store.write_lock = None if store.write_lock is None else Lock()
        store.access_lock = None if store.access_lock is None else Lock()

    def refuse_file(self) -> None:
        """Refuses a SQLite file from now on: SQLite holds the locks of the parent's transaction."""
        if self._datastore.has_file:
            self.refusal = (
                "the process forked while a transaction was open: fork outside of transactions,"
                " or start the process by another method, such as spawn"
            )
