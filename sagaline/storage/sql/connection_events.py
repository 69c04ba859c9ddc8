"""What happens to an engine's connections: they are configured, begun and returned to the pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, event

from sagaline.errors import StoreUnusable
from sagaline.storage.sql import postgres, postgres_session, sqlite
from sagaline.storage.sql.connections import WRITES
from sagaline.storage.sql.transaction import Database


class EngineEvents:
    """Listens to the events of one datastore's engine."""

    def __init__(self, datastore: Database) -> None:
        self._datastore = datastore
        self._is_sqlite = datastore.engine.dialect.name == "sqlite"
        event.listen(datastore.engine, "begin", self._begin)
        event.listen(datastore.engine, "checkin", self._check_in)
        if self._is_sqlite:
            event.listen(datastore.engine, "connect", self._configure_sqlite)
            if datastore.has_file and sqlite.may_create(datastore.engine.url):
                event.listen(datastore.engine, "do_connect", self._create_file)
        else:
            event.listen(datastore.engine, "connect", self._configure_postgres)
            event.listen(datastore.engine, "checkout", postgres.refuse_ended)

    def _begin(self, connection: Connection) -> None:
        writing = connection.info.get(WRITES, False)
        if self._is_sqlite:
            sqlite.begin_transaction(connection, writing, self._datastore.lock_wait)
        else:
            silence = self._datastore.silence_timeout if writing else None
            postgres.begin_with_timeouts(connection, self._datastore.lock_timeout, silence)

    def _check_in(self, raw: Any, record: Any) -> None:
        if raw is not None and self._is_sqlite:
            sqlite.roll_back_leftovers(raw)
        if self._datastore.is_closed:
            record.close()

    def _create_file(self, *_: object) -> None:
        sqlite.create_private_file(sqlite.path(self._datastore.engine.url))

    def _configure_sqlite(self, raw: Any, _: Any) -> None:
        datastore = self._datastore
        with _closed_after_error(raw):
            mode = sqlite.configure(raw, datastore.lock_wait, datastore.is_sqlite_in_memory_db)
            if mode not in ("wal", "memory"):
                why = f"write-ahead logging is refused there (its journal mode stays {mode!r})"
                raise StoreUnusable(url=datastore.address, reason=why)
            if datastore.file is not None:
                datastore.file.opened()

    def _configure_postgres(self, raw: Any, _: Any) -> None:
        with _closed_after_error(raw):
            why = postgres_session.unfit(raw)
            if why is not None:
                raise StoreUnusable(url=self._datastore.address, reason=why)
            postgres_session.pin(raw, self._datastore.schema)


@contextmanager
def _closed_after_error(raw: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        raw.close()
        raise


def engine_options(url: URL, schema: str | None) -> dict[str, Any]:
    """The options of a URL's engine."""
    if url.get_backend_name() == "sqlite":
        return {}
    # AUTOCOMMIT because `_begin` sends BEGIN by itself, as on SQLite.
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
    options["connect_args"] = postgres.connect_args(url)
    if schema is not None:
        # The framework's tables name no schema, so that one definition serves every store.
        options["execution_options"] = {"schema_translate_map": {None: schema}}
    return options
