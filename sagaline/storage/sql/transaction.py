"""One transaction of one datastore."""

import asyncio
from contextlib import suppress
from contextvars import ContextVar, Token
from threading import Semaphore, get_ident
from types import TracebackType
from typing import Any, Protocol, cast

from eventsourcing.persistence import OperationalError, ProgrammingError
from eventsourcing_sqlalchemy.datastore import Transaction as SQLAlchemyTransaction
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from typing_extensions import override

from sagaline.errors import AnotherTransaction, TransactionFailed, TransactionNotShared
from sagaline.storage.sql.errors import is_lock_timeout, raise_translated

Owner = tuple[int, object]

_writing: ContextVar["Transaction | None"] = ContextVar("sagaline_writing", default=None)


class Database(Protocol):
    """What a transaction needs of its datastore."""

    current: ContextVar["Transaction | None"]
    patience: float
    scoped_session: Any
    session_maker: Any

    @property
    def address(self) -> str:
        """The URL as it may be shown."""

    def connected(self, commit: bool) -> Connection:
        """A connection whose transactions begin as reads or as writes."""

    def end_stuck(self) -> None:
        """Ends a stopped writer that holds a lock."""

    def lock_for(self, commit: bool) -> Semaphore | None:
        """The lock that the transactions of this process queue on."""

    def refuse_closed(self) -> None:
        """Raises StoreClosed after the last reference was given back."""


def present_owner() -> Owner:
    """Who asks: the thread, and the task where an event loop runs."""
    task = None
    with suppress(RuntimeError):
        task = asyncio.current_task()
    return get_ident(), task


class Transaction(SQLAlchemyTransaction):
    """The outermost transaction: it begins, and it commits or rolls back.

    It belongs to the thread and the task that began it. Others may see it in a context that they
    inherited, but writing into it would mix their work with its owner's.
    """

    def __init__(self, datastore: "Database", commit: bool) -> None:
        self.datastore = datastore
        self.commit = commit
        self.owner = present_owner()
        self.failure: BaseException | None = None
        """What went wrong inside, after which nothing may be committed."""
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._lock: Semaphore | None = None
        self._tokens: list[tuple[ContextVar[Any], Token[Any]]] = []

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not yet ended."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """The connection that it runs on."""
        if self._connection is None:
            raise ProgrammingError("The transaction is not open")
        return self._connection

    @property
    def session(self) -> Session:  # type: ignore[override]  # upstream's is an attribute
        """A session on its connection, made when first asked for as it is not cheap."""
        if self._session is None:
            maker = self.datastore.session_maker
            assert maker is not None
            self._session = maker(bind=self.connection)
        return self._session

    def begin(self) -> Connection:
        """Takes the lock where there is one, and a connection, and begins."""
        if self.is_open:
            raise ProgrammingError("The transaction is already open")
        refuse_inside_another(self.datastore)
        self._acquire()
        try:
            self.datastore.refuse_closed()  # it may have been, while waiting for the lock
            self._connection = self._connected()
        except BaseException as error:
            self._release()
            raise_translated(error)
            raise
        self._enter(self.datastore.current, self)
        if self.commit:
            self._enter(_writing, self)
        return self._connection

    def end(self, error: BaseException | None) -> None:
        """Commits, or rolls back; whatever happens, nothing is left behind in the connection."""
        try:
            if error is None and self.commit:
                self._commit()
        except Exception as failed:
            raise_translated(failed)
            raise
        finally:
            self._release()
        if error is not None:
            if is_lock_timeout(error):
                self.datastore.end_stuck()
            raise_translated(error)

    @override
    def __enter__(self) -> Session:
        self.begin()
        return self.session

    @override
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.end(exc_val)

    def _connected(self, again: bool = True) -> Connection:
        """A connection that has begun: another one, where the server has left the first meanwhile.

        Nothing was done in that one, so nobody needs to hear of it.
        """
        connection = self.datastore.connected(self.commit)
        try:
            connection.begin()
        except BaseException as error:
            lost = _is_lost(connection)
            _give_back(connection)
            if again and lost and isinstance(error, Exception):
                return self._connected(again=False)
            raise
        return connection

    def _commit(self) -> None:
        if self.failure is not None:
            raise TransactionFailed(url=self.datastore.address) from self.failure
        if self._session is not None:
            self._session.flush()
        self.connection.commit()

    def _acquire(self) -> None:
        lock = self.datastore.lock_for(self.commit)
        if lock is not None and not lock.acquire(timeout=self.datastore.patience):
            raise OperationalError("Another transaction of this process keeps the database locked")
        self._lock = lock

    def _release(self) -> None:
        try:
            if self._session is not None:
                self._session.close()
            if self._connection is not None:
                _give_back(self._connection)
        finally:
            self._session = self._connection = None
            if self._lock is not None:
                self._lock.release()
                self._lock = None
            self._leave()

    def _enter(self, variable: ContextVar[Any], value: object) -> None:
        self._tokens.append((variable, variable.set(value)))

    def _leave(self) -> None:
        while self._tokens:
            variable, token = self._tokens.pop()
            # A generator may be closed in another context; there the ended transaction is ignored.
            with suppress(ValueError):
                variable.reset(token)


def _give_back(connection: Connection) -> None:
    try:
        if _is_lost(connection):
            # The pool would try to roll back, and say at length that it could not.
            connection.invalidate()
        connection.close()
    except SQLAlchemyError:
        # It could not even roll back. The server does that, and the error that led here says more.
        connection.invalidate()
        connection.close()


def _is_lost(connection: Connection) -> bool:
    """Whether the driver has lost the server, which it may not have told SQLAlchemy."""
    if connection.closed or connection.invalidated:
        return False
    return bool(getattr(connection.connection.dbapi_connection, "closed", False))


class JoinedTransaction(Transaction):
    """A transaction inside one of the same datastore: the outer one decides."""

    def __init__(self, outer: Transaction, commit: bool) -> None:
        super().__init__(outer.datastore, commit)
        self._outer = outer

    @property
    @override
    def session(self) -> Session:  # type: ignore[override]  # upstream's is an attribute
        """The outer transaction's."""
        return self._outer.session

    @override
    def begin(self) -> Connection:
        """Goes on in the outer transaction."""
        return self._outer.connection

    @override
    def end(self, error: BaseException | None) -> None:
        """Leaves the outcome to the outer one, which must not commit half of a failed write."""
        if error is None:
            return
        if self.commit:
            self._outer.failure = self._outer.failure or error
        raise_translated(error)


class ScopedTransaction(Transaction):
    """A transaction that the user's own scoped session begins and ends."""

    @property
    @override
    def session(self) -> Session:  # type: ignore[override]  # upstream's is an attribute
        """The user's session of this thread."""
        assert self.datastore.scoped_session is not None
        return cast("Session", self.datastore.scoped_session())

    @override
    def begin(self) -> Connection:
        """Goes on in the user's transaction."""
        return self.session.connection()

    @override
    def end(self, error: BaseException | None) -> None:
        """Only translates the error."""
        if error is not None:
            raise_translated(error)

    @override
    def __enter__(self) -> Session:
        return self.session


class Connected:
    """A transaction as a context manager that gives its Core connection."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def __enter__(self) -> Connection:
        return self._transaction.begin()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._transaction.end(exc_val)


def refuse_inside_another(datastore: "Database") -> None:
    """Raises AnotherTransaction if this context is writing to another store.

    Two stores cannot commit together: the inner one would stand while the outer is rolled back.
    """
    writing = _writing.get()
    if writing is None or not writing.is_open or writing.datastore is datastore:
        return
    if writing.owner == present_owner():
        raise AnotherTransaction(url=datastore.address, other=writing.datastore.address)


def joined(outer: Transaction, commit: bool) -> JoinedTransaction:
    """A transaction inside an open one.

    Raises TransactionNotShared if the caller is not its owner, and upstream's ProgrammingError for
    a write inside a read.
    """
    if outer.owner != present_owner():
        raise TransactionNotShared(url=outer.datastore.address)
    if commit and not outer.commit:
        raise ProgrammingError("Transaction already started with commit=False")
    return JoinedTransaction(outer, commit)
