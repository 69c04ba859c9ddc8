"""A database that holds logs, positions and the framework's other tables."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import cached_property
from threading import Lock, RLock
from typing import Any, ClassVar, Self, cast

import sqlalchemy.exc
from eventsourcing.persistence import PersistenceError, ProgrammingError
from eventsourcing_sqlalchemy.datastore import SQLAlchemyDatastore
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.orm import scoped_session, sessionmaker
from typing_extensions import override

from sagaline.errors import SagalineError, StoreClosed, StoreUnusable
from sagaline.storage.sql import diagnostics, forks, postgres, postgres_session, sqlite, urls
from sagaline.storage.sql.connection_events import EngineEvents, engine_options
from sagaline.storage.sql.connections import Connections
from sagaline.storage.sql.datastore_fork import DatastoreFork
from sagaline.storage.sql.errors import raise_translated, translated
from sagaline.storage.sql.inner_transactions import ScopedTransaction, joined
from sagaline.storage.sql.read_only import read_only, refuse_in_handler
from sagaline.storage.sql.records import (
    EventRecord,
    SnapshotRecord,
    StoredEventRecord,
    record_class,
)
from sagaline.storage.sql.store_file import StoreFile
from sagaline.storage.sql.transaction import CoreTransaction, Transaction


class Datastore(SQLAlchemyDatastore):
    """Upstream's datastore, safe to share between applications, threads and processes.

    `schema` (PostgreSQL only) holds all its tables. `lock_timeout` and `silence_timeout` are
    seconds, for PostgreSQL. Only the context that opened a transaction knows it, and only for this
    datastore. Raises StoreUnusable for an unsupported database or a missing driver.
    """

    base_snapshot_record_cls = SnapshotRecord
    base_stored_event_record_cls = StoredEventRecord
    engine: Engine

    _shared: ClassVar[dict[tuple[str, str | None], "Datastore"]] = {}
    sharing: ClassVar[Lock] = Lock()

    def __init__(
        self,
        *,
        url: str | None = None,
        schema: str | None = None,
        session: "scoped_session[Any] | None" = None,
        session_maker: "sessionmaker[Any] | None" = None,
        autoflush: bool = True,
        lock_timeout: float = postgres.LOCK_TIMEOUT,
        silence_timeout: float = postgres.SILENCE_TIMEOUT,
        **engine_kwargs: Any,
    ) -> None:
        self._url = urls.supported(url) if url else None
        is_sqlite = self._url is not None and self._url.get_backend_name() == "sqlite"
        self.schema = None if is_sqlite else schema
        is_file = self._url is not None and not sqlite.is_in_memory(self._url)
        self.has_file = is_sqlite and is_file and "creator" not in engine_kwargs
        self.file: StoreFile | None = None
        self._references = 1
        self._fork = DatastoreFork(self)
        self.connections = Connections(self)
        self._key: tuple[str, str | None] | None = None
        self._logs: dict[str, str] = {}
        self.lock_timeout = lock_timeout
        self.silence_timeout = silence_timeout
        self.lock_wait = sqlite.busy_timeout(self._url) if self._url else sqlite.BUSY_TIMEOUT
        """Seconds to queue behind other transactions of this process."""
        self.current: ContextVar[Transaction | None] = ContextVar("sagaline_current", default=None)
        self.existing_tables: set[str] = set()
        self.owned_applications: frozenset[str] = frozenset()
        """Those of the store's owner, as they were read last."""
        self.creation_lock = RLock()
        self._open_engine(
            session=session, session_maker=session_maker, autoflush=autoflush, **engine_kwargs
        )

    def _open_engine(self, **options: Any) -> None:
        if self._url is None:
            super().__init__(**options)
            urls.refuse_driver(self.engine.dialect.driver, self.address)
            return
        url = self._url.render_as_string(hide_password=False)
        try:
            super().__init__(url=url, **(engine_options(self._url, self.schema) | options))
        except ImportError as error:
            raise StoreUnusable(
                url=self.address, reason=diagnostics.missing_driver(error)
            ) from error
        except (sqlalchemy.exc.ArgumentError, ValueError):
            # Without a cause: its text may hold the URL.
            why = "one of its parameters has no valid value"
            raise StoreUnusable(url=self.address, reason=why) from None
        if self.has_file:
            self.file = StoreFile(sqlite.path(self._url))
        self._fork.make_locks()
        EngineEvents(self)
        forks.join(self._fork)

    @classmethod
    def open(cls, url: str, schema: str | None = None, **options: Any) -> Self:
        """Returns the datastore of a URL; each call adds a reference, which `close` releases.

        One engine per store and process keeps connections few, and lets writers queue for a lock
        instead of failing on SQLite's. An in-memory database is never shared.
        """
        parsed = urls.supported(url)
        if options or (parsed.get_backend_name() == "sqlite" and sqlite.is_in_memory(parsed)):
            return cls(url=url, schema=schema, **options)
        key = (urls.absolute(parsed).render_as_string(hide_password=False), schema)
        with cls.sharing:
            found = cls._shared.get(key)
            if found is None or found.is_lost:
                found = cls._shared[key] = cls(url=url, schema=schema)
                found._key = key
            else:
                found._references += 1
        return cast("Self", found)

    def close(self) -> None:
        """Releases one reference; the last one closes the connections.

        An open transaction of another thread still commits or rolls back normally.
        """
        with self.sharing:
            self._references -= 1
            if self._references != 0:
                return
            if self._key is not None and self._shared.get(self._key) is self:
                del self._shared[self._key]
        if self._url is not None:
            self.connections.close()
            # An in-memory database has one connection, which another thread may be using.
            with self.access_lock or nullcontext():
                self.engine.dispose()

    @property
    def is_closed(self) -> bool:
        """Whether the last reference was released."""
        return self._references <= 0

    @property
    def url(self) -> str:
        """The URL with its password: not for messages."""
        return "" if self._url is None else self._url.render_as_string(hide_password=False)

    @cached_property
    def address(self) -> str:
        """The URL without its password, and the schema if there is one: for messages."""
        if self._url is None:
            return "the user's session"
        where = diagnostics.without_password(self._url)
        return where if self.schema is None else f"{where} (schema {self.schema})"

    @property
    def dialect(self) -> str:
        """Which database it is: ``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @override
    def transaction(self, commit: bool) -> Transaction:
        """A transaction, as a context manager that returns an ORM session.

        Inside another one of this datastore it joins that one. Raises AnotherTransaction if this
        context is writing to another datastore, TransactionNotShared if the outer transaction
        belongs to another task or thread, upstream's ProgrammingError for a write in a read, and
        WriteInHandler for a write in the code of a handler.
        """
        if commit and read_only() is not None:
            refuse_in_handler(f"write to {self.address}")
        if self.scoped_session is not None:
            return ScopedTransaction(self, commit)
        self.refuse_closed()
        outer = self.current.get()
        if outer is not None and outer.is_open:
            return joined(outer, commit)
        return Transaction(self, commit)

    @property
    def in_transaction(self) -> bool:
        """Whether the caller is inside a transaction, which may yet be rolled back."""
        outer = self.current.get()
        return self.scoped_session is not None or (outer is not None and outer.is_open)

    def write(self) -> CoreTransaction:
        """A transaction that commits, as a context manager that returns a Core connection."""
        return CoreTransaction(self.transaction(commit=True))

    def read(self) -> CoreTransaction:
        """A transaction that only reads, as a context manager that returns a Core connection."""
        return CoreTransaction(self.transaction(commit=False))

    def create(self) -> AbstractContextManager[Connection]:
        """A transaction that creates tables; one of its own beside a user's session."""
        return self.engine.begin() if self._is_beside_session else self.write()

    @property
    def _is_beside_session(self) -> bool:
        # A session may also be bound to a connection, which has one transaction.
        return self.scoped_session is not None and isinstance(self.engine, Engine)

    def terminate_stuck_copies(self) -> None:
        """Ends sessions that stopped during a COPY, after a lock wait has timed out."""
        with suppress(PersistenceError), self.read() as connection:
            postgres_session.terminate_stuck_copies(connection, self.silence_timeout)

    @contextmanager
    def inspect(self) -> Iterator[Connection]:
        """A connection that changes nothing, to check whether the store may be used.

        Other connections create a missing SQLite file, and set its journal mode to WAL.
        """
        if self._url is None or not self.has_file:
            with self.engine.connect() if self._is_beside_session else self.read() as connection:
                yield connection
            return
        self.refuse_closed()
        url, wait = sqlite.read_only_url(self._url), {"timeout": self.lock_wait}
        engine = create_engine(url, poolclass=NullPool, connect_args=wait)
        try:
            with engine.connect() as connection:
                yield connection
        except Exception as error:
            raise_translated(error, self.address)
            raise

    def refuse_closed(self) -> None:
        """Raises StoreClosed after the last reference was released, or where a fork spoiled it."""
        if self.is_closed or self._fork.refusal:
            reason = self._fork.refusal or "it was closed: open it again to use it"
            raise StoreClosed(url=self.address, reason=reason)

    def refuse_after_fork(self) -> None:
        """Refuses a SQLite file from now on: SQLite holds the locks of the parent's transaction."""
        self._fork.refuse_file()

    @property
    def is_lost(self) -> bool:
        """Whether its file was deleted, replaced or cut short under the process."""
        return self.file is not None and self.file.problem() is not None

    def refuse_lost(self, written: Connection | None = None) -> None:
        """Raises StoreUnusable if the file was deleted, replaced or cut short under the process.

        After a commit, on the connection `written`, nothing that such a file holds is acknowledged.
        """
        if self.file is None:
            return
        file = self.file
        why = file.problem() if written is None else file.problem_after_write(written.info)
        if why is not None:
            raise StoreUnusable(url=self.address, reason=why)

    def process_lock(self, commit: bool) -> "Lock | None":
        """The lock that transactions of this process queue for, as SQLite itself would spin."""
        return cast("Lock | None", self.access_lock or (self.write_lock if commit else None))

    def refuse_unusable(self, error: Exception) -> None:
        """Raises StoreUnusable with a readable reason if the error is one of the database."""
        # At the start, its path and the reason say more than the cure of a StoreUnusable.
        known = translated(error.__cause__ or error if type(error) is StoreUnusable else error)
        if isinstance(known, SagalineError):
            return
        if isinstance(known, PersistenceError | UnicodeError):  # that of a host that is no name
            why = diagnostics.reason(self._url, error)
            raise StoreUnusable(url=self.address, reason=why) from error

    def forbid_commit(self, error: BaseException) -> None:
        """Keeps a caller that catches the error from committing a partial write."""
        transaction = self.current.get()
        if transaction is not None and transaction.is_open:
            transaction.failure = transaction.failure or error

    def name_log(self, application: str) -> None:
        """Reserves a log. Raises ProgrammingError for a name that differs by case: one table."""
        first = self._logs.setdefault(application.lower(), application)
        if first != application:
            raise ProgrammingError(f"The applications {first} and {application} would share a log")

    @classmethod
    @override
    def define_record_class(  # type: ignore[override]  # upstream's is generic in its own base
        cls, cls_name: str, table_name: str, schema_name: str | None, base_cls: type[EventRecord]
    ) -> type[EventRecord]:
        """Returns the record class of a table, on the framework's own declarative base."""
        return record_class(table_name, schema_name, base_cls)

    @override
    def init_sqlite_wal_mode(self) -> None:
        """Does nothing: every connection sets and checks its journal mode."""
