"""A database that holds logs, positions and what else the framework stores."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from threading import Lock, RLock, Semaphore
from typing import Any, ClassVar, Self, cast

from eventsourcing.persistence import PersistenceError, ProgrammingError
from eventsourcing_sqlalchemy.datastore import SQLAlchemyDatastore
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.orm import scoped_session, sessionmaker
from typing_extensions import override

from sagaline.errors import SagalineError, StoreClosed, StoreUnusable
from sagaline.storage.sql import diagnostics as reasons
from sagaline.storage.sql import postgres, sqlite, urls
from sagaline.storage.sql.errors import raise_translated
from sagaline.storage.sql.records import (
    EventRecord,
    SnapshotRecord,
    StoredEventRecord,
    record_class,
)
from sagaline.storage.sql.transaction import Connected, ScopedTransaction, Transaction, joined

_WRITE = "sagaline_write"


class Datastore(SQLAlchemyDatastore):
    """Upstream's datastore, safe to share between applications, threads and processes.

    `schema` (PostgreSQL only) is where all its tables are. A transaction of it is known to the
    context that began it and to no other datastore. Raises StoreUnusable for a database that it
    does not know.
    """

    base_snapshot_record_cls = SnapshotRecord
    base_stored_event_record_cls = StoredEventRecord
    engine: Engine

    _shared: ClassVar[dict[tuple[int, str, str | None], "Datastore"]] = {}
    _sharing: ClassVar[Lock] = Lock()

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
        self._url = urls.known(url) if url else None
        if self._url is not None:
            engine_kwargs = _engine_kwargs(self._url, schema) | engine_kwargs
        try:
            super().__init__(
                session=session,
                session_maker=session_maker,
                url=self._url and self._url.render_as_string(hide_password=False),
                autoflush=autoflush,
                **engine_kwargs,
            )
        except ImportError as error:
            raise StoreUnusable(url=self.address, reason=_missing_driver(error)) from error
        self.lock_timeout = lock_timeout
        self.silence_timeout = silence_timeout
        self.schema = schema if self._url is None or self.dialect == "postgresql" else None
        self.has_file = (
            self._url is not None
            and self.dialect == "sqlite"
            and not self.is_sqlite_in_memory_db
            and "creator" not in engine_kwargs
        )
        self.patience = sqlite.patience(self._url) if self._url else sqlite.PATIENCE
        self.current: ContextVar[Transaction | None] = ContextVar("sagaline_current", default=None)
        self._references = 1
        self._key: tuple[int, str, str | None] | None = None
        self.existing: set[str] = set()
        """The tables that are known to be there."""
        self._logs: dict[str, str] = {}
        self.creating = RLock()
        """Held by whoever creates tables in it."""
        if self._url is not None:
            self._listen()

    @classmethod
    def open(cls, url: str, schema: str | None = None, **options: Any) -> Self:
        """The datastore of a URL, shared by all that open it in this process, and counted.

        One engine per store keeps connections few, and lets writers of one process queue on a lock
        instead of failing on SQLite's. An in-memory database is never shared.
        """
        known = urls.known(url)
        if options or (known.get_backend_name() == "sqlite" and sqlite.is_in_memory(known)):
            return cls(url=url, schema=schema, **options)
        # The process is part of the key: connections do not survive a fork.
        key = (os.getpid(), urls.absolute(known).render_as_string(hide_password=False), schema)
        with cls._sharing:
            found = cls._shared.get(key)
            if found is None:
                found = cls._shared[key] = cls(url=url, schema=schema)
                found._key = key
            else:
                found._references += 1
        return cast("Self", found)

    def close(self) -> None:
        """Gives one reference back; the last one closes the connections.

        A transaction that is under way in another thread still ends as it would have.
        """
        with self._sharing:
            self._references -= 1
            if self._references != 0:
                return
            if self._key is not None:
                self._shared.pop(self._key, None)
        if self._url is not None:
            # An in-memory database has one connection, which must not be closed under its user.
            with self.access_lock or nullcontext():
                self.engine.dispose()

    @property
    def is_closed(self) -> bool:
        """Whether the last reference was given back."""
        return self._references <= 0

    @property
    def url(self) -> str:
        """The URL as it was given, with its password: not for messages."""
        return "" if self._url is None else self._url.render_as_string(hide_password=False)

    @property
    def address(self) -> str:
        """The URL as it may be shown, without a password, and the schema if there is one."""
        if self._url is None:
            return "the user's session"
        where = reasons.address(self._url)
        return where if self.schema is None else f"{where} (schema {self.schema})"

    @property
    def dialect(self) -> str:
        """Which database it is: ``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @override
    def transaction(self, commit: bool) -> Transaction:
        """A transaction, as a context manager that gives an ORM session.

        Inside another one of this datastore it joins it. Raises AnotherTransaction where this
        context is writing to another datastore, TransactionNotShared where the transaction around
        belongs to another task or thread, and upstream's ProgrammingError for a write in a read.
        """
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

    def write(self) -> Connected:
        """A transaction that commits, as a context manager that gives a Core connection."""
        return Connected(self.transaction(commit=True))

    def read(self) -> Connected:
        """A transaction that only reads, as a context manager that gives a Core connection."""
        return Connected(self.transaction(commit=False))

    def end_stuck(self) -> None:
        """Ends who was stopped in the midst of a COPY, for that a lock was waited for in vain."""
        with suppress(PersistenceError), self.read() as connection:
            postgres.end_stuck(connection, self.silence_timeout)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A connection to decide on whether the store may be used: it changes nothing.

        Any other creates a SQLite file that is not there, and makes it write ahead.
        """
        if not self.has_file:
            with self.read() as connection:
                yield connection
            return
        assert self._url is not None
        self.refuse_closed()
        patience = {"timeout": self.patience}
        engine = create_engine(
            sqlite.untouched(self._url), poolclass=NullPool, connect_args=patience
        )
        try:
            with engine.connect() as connection:
                yield connection
        except Exception as error:
            raise_translated(error)
            raise

    def refuse_closed(self) -> None:
        """Raises StoreClosed where nobody holds the datastore open any more."""
        if self.is_closed:
            raise StoreClosed(url=self.address)

    def connected(self, commit: bool) -> Connection:
        """A connection whose transactions begin as reads or as writes."""
        if self._url is None:
            return self.engine.connect()
        return (self._writer if commit else self.engine).connect()

    def lock_for(self, commit: bool) -> Semaphore | None:
        """What the transactions of this process queue on, where SQLite would spin."""
        return self.access_lock or (self.write_lock if commit else None)

    def refuse_unusable(self, error: Exception) -> None:
        """Raises StoreUnusable, with a reason that a person understands, for a database error."""
        if isinstance(error, PersistenceError) and not isinstance(error, SagalineError):
            why = reasons.reason(self._url, error)
            raise StoreUnusable(url=self.address, reason=why) from error

    def forbid_commit(self, error: BaseException) -> None:
        """Makes sure that half of a failed write is not committed by who catches its error."""
        transaction = self.current.get()
        if transaction is not None and transaction.is_open:
            transaction.failure = transaction.failure or error

    def name_log(self, application: str) -> None:
        """Notes whose log is in a table. Raises ProgrammingError for two names that share it.

        Tables are named in lower case, so ``Orders`` and ``orders`` would write into one log.
        """
        first = self._logs.setdefault(application.lower(), application)
        if first != application:
            raise ProgrammingError(f"The applications {first} and {application} would share a log")

    @classmethod
    @override
    def define_record_class(  # type: ignore[override]  # upstream's is generic in its own base
        cls, cls_name: str, table_name: str, schema_name: str | None, base_cls: type[EventRecord]
    ) -> type[EventRecord]:
        """The record class of a table, on a declarative base of our own."""
        return record_class(table_name, schema_name, base_cls)

    @override
    def init_sqlite_wal_mode(self) -> None:
        """Nothing to do: every connection sets and checks its journal mode."""

    def _listen(self) -> None:
        self._writer = self.engine.execution_options(**{_WRITE: True})
        event.listen(self.engine, "begin", self._begun)
        event.listen(self.engine, "checkin", self._returned)
        if self.dialect == "sqlite":
            event.listen(self.engine, "connect", self._configure)
        else:
            event.listen(self.engine, "checkout", postgres.refuse_ended)

    def _begun(self, connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITE, False)
        if self.dialect == "sqlite":
            sqlite.begin(connection, writing)
        else:
            silence = self.silence_timeout if writing else None
            postgres.begin(connection, self.lock_timeout, silence)

    def _returned(self, raw: Any, record: Any) -> None:
        if raw is not None and self.dialect == "sqlite":
            sqlite.roll_back_leftovers(raw)
        if self.is_closed:
            record.close()

    def _configure(self, raw: Any, _: Any) -> None:
        try:
            mode = sqlite.configure(raw, self.patience, self.is_sqlite_in_memory_db)
            if mode not in ("wal", "memory"):
                why = f"write-ahead logging is refused there (its journal mode stays {mode!r})"
                raise StoreUnusable(url=self.address, reason=why)
        except BaseException:
            raw.close()
            raise


def _engine_kwargs(url: URL, schema: str | None) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {}
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}  # we begin, as on SQLite
    options["connect_args"] = postgres.connect_args(url)
    if schema is not None:
        # The framework's tables name no schema, so that one definition serves every store.
        options["execution_options"] = {"schema_translate_map": {None: schema}}
    return options


def _missing_driver(error: ImportError) -> str:
    return f"its driver is not installed ({error.name}): install sagaline[postgres]"
