"""One transaction of one datastore."""

import asyncio
from contextlib import suppress
from contextvars import ContextVar, Token
from threading import Lock, get_ident
from types import TracebackType
from typing import Any, Protocol

from eventsourcing.persistence import OperationalError, ProgrammingError
from eventsourcing_sqlalchemy.datastore import Transaction as SQLAlchemyTransaction
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session
from typing_extensions import override

from sagaline.errors import AnotherTransaction, CommitUnknown, StoreClosed, TransactionFailed
from sagaline.storage.sql import forks
from sagaline.storage.sql.connections import Connections, is_lost, return_to_pool
from sagaline.storage.sql.errors import (
    is_lock_timeout,
    is_unknown_commit,
    message_of,
    raise_translated,
)
from sagaline.storage.sql.lock_waits import acquire, cancel_statement
from sagaline.storage.sql.store_file import StoreFile

Owner = tuple[int, object]

_left_to_parent: list[object] = []
"""Connections of the process that this one was forked from: closing them would end its sessions."""

_writing: ContextVar["Transaction | None"] = ContextVar("sagaline_writing", default=None)


class Database(Protocol):
    """What transactions and the events of an engine need of a datastore."""

    current: ContextVar["Transaction | None"]
    engine: Engine
    file: StoreFile | None
    has_file: bool
    is_sqlite_in_memory_db: bool
    lock_timeout: float
    schema: str | None
    lock_wait: float
    silence_timeout: float
    scoped_session: Any
    session_maker: Any

    @property
    def address(self) -> str:
        """The URL without its password."""

    @property
    def is_closed(self) -> bool:
        """Whether the last reference was released."""

    @property
    def connections(self) -> Connections:
        """Where transactions have their connections from."""

    def terminate_stuck_copies(self) -> None:
        """Ends a stopped writer that holds a lock."""

    def process_lock(self, commit: bool) -> "Lock | None":
        """The lock that the transactions of this process queue for."""

    def refuse_closed(self) -> None:
        """Raises StoreClosed after the last reference was released."""

    def refuse_after_fork(self) -> None:
        """Refuses the store from now on, if the fork has spoiled it for this process."""

    def refuse_lost(self, written: Connection | None = None) -> None:
        """Raises StoreUnusable if the file was deleted, replaced or cut short under the process."""


def present_owner() -> Owner:
    """The current thread, and the current task if an event loop runs."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs
        task = None
    return get_ident(), task


class Transaction(SQLAlchemyTransaction):
    """An outermost transaction: it opens a connection, and commits or rolls back.

    It belongs to the thread and the task that opened it. Other threads and tasks may inherit its
    context, but must not write into it: their work would be committed with the owner's.
    """

    def __init__(self, datastore: "Database", commit: bool) -> None:
        self.datastore = datastore
        self.commit = commit
        self.owner = present_owner()
        self.failure: BaseException | None = None
        """An error raised inside, after which nothing may be committed."""
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._lock: Lock | None = None
        self._tokens: list[tuple[ContextVar[Any], Token[Any]]] = []

    @property
    def is_open(self) -> bool:
        """Whether it was opened and is not yet closed."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """The connection that it runs on."""
        if self._connection is None:
            raise ProgrammingError("The transaction is not open")
        return self._connection

    @property
    def session(self) -> Session:  # type: ignore[override]  # upstream's is an attribute
        """A session on its connection, created on first use because that is not cheap."""
        if self._session is None:
            maker = self.datastore.session_maker
            assert maker is not None
            self._session = maker(bind=self.connection)
        return self._session

    def open(self) -> Connection:
        """Acquires the process's lock, if there is one, and begins on a connection."""
        if self.is_open:
            raise ProgrammingError("The transaction is already open")
        refuse_inside_another(self.datastore)
        self._acquire()
        forks.begin(self)
        try:
            self.datastore.refuse_closed()  # it may have been closed during the wait for the lock
            self.datastore.refuse_lost()
            self._connection = self._begun()
        except BaseException as error:
            self._release()
            raise_translated(error, self.datastore.address)
            raise
        self._enter(self.datastore.current, self)
        if self.commit:
            self._enter(_writing, self)
        return self._connection

    def close(self, error: BaseException | None) -> None:
        """Commits, or rolls back after an error; either way nothing stays in the connection."""
        has_failed = True
        try:
            if error is None and self.commit:
                self._commit()
            has_failed = error is not None
        except Exception as failed:
            raise_translated(failed, self.datastore.address)
            raise
        finally:
            self._release(has_failed)
        if error is not None:
            if is_lock_timeout(error):
                self.datastore.terminate_stuck_copies()
            raise_translated(error, self.datastore.address)

    @override
    def __enter__(self) -> Session:
        self.open()
        return self.session

    @override
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close(exc_val)

    def interrupt(self) -> None:
        """Cancels the statement under way, from another thread: the transaction then fails."""
        if self._connection is not None:
            cancel_statement(self._connection)

    def abandon(self) -> None:
        """Leaves the connection to the process that this one was forked from: nothing commits."""
        _left_to_parent.append((self._connection, self._session))
        self._connection = self._session = self._lock = None
        reason = "the process forked inside this transaction"
        self.failure = StoreClosed(url=self.datastore.address, reason=reason)
        self.datastore.refuse_after_fork()

    def _begun(self, again: bool = True) -> Connection:
        """Begins on a connection; on a second one if the server has dropped the first.

        Nothing was done on the first one, so the caller needs no error.
        """
        connection = self.datastore.connections.take(self.commit)
        try:
            connection.begin()
        except BaseException as error:
            lost = is_lost(connection)
            return_to_pool(connection)
            if again and lost and isinstance(error, Exception):
                return self._begun(again=False)
            raise
        return connection

    def _commit(self) -> None:
        if self.failure is not None:
            raise TransactionFailed(url=self.datastore.address) from self.failure
        if self._session is not None:
            self._session.flush()
        try:
            self.connection.commit()
        except Exception as error:
            if self.connection.invalidated or is_lost(self.connection) or is_unknown_commit(error):
                reason = message_of(error)
                raise CommitUnknown(url=self.datastore.address, reason=reason) from error
            raise
        self.datastore.refuse_lost(self.connection)

    def _acquire(self) -> None:
        lock = self.datastore.process_lock(self.commit)
        if lock is not None and not acquire(lock, self.datastore.lock_wait):
            raise OperationalError("Another transaction of this process keeps the database locked")
        self._lock = lock

    def _release(self, has_failed: bool = True) -> None:
        try:
            if self._session is not None:
                self._session.close()
            if self._connection is not None:
                self.datastore.connections.give_back(self._connection, has_failed)
        finally:
            self._session = self._connection = None
            forks.end(self)
            if self._lock is not None:
                self._lock.release()
                self._lock = None
            self._leave()

    def _enter(self, variable: ContextVar[Any], value: object) -> None:
        self._tokens.append((variable, variable.set(value)))

    def _leave(self) -> None:
        while self._tokens:
            variable, token = self._tokens.pop()
            # A generator may be closed in another context; the closed transaction is ignored there.
            with suppress(ValueError):
                variable.reset(token)


class CoreTransaction:
    """A transaction as a context manager that returns its Core connection."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def __enter__(self) -> Connection:
        return self._transaction.open()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._transaction.close(exc_val)


def refuse_inside_another(datastore: "Database") -> None:
    """Raises AnotherTransaction if this context is writing to another store.

    Two stores cannot commit together: the inner commit would stay when the outer one is rolled
    back.
    """
    writing = _writing.get()
    if writing is None or not writing.is_open or writing.datastore is datastore:
        return
    if writing.owner == present_owner():
        raise AnotherTransaction(url=datastore.address, other=writing.datastore.address)
