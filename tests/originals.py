"""Stores that are filled once in a session; each test that begins with one gets a copy."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url

Fill = Callable[[str], object]
"""Fills a new store, of which it is given the URL."""


class OriginalFiles:
    """SQLite stores, each filled when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: dict[str, Path] = {}

    def copy(self, name: str, fill: Fill, folder: Path) -> str:
        """Copies a store, and that of the outside world beside it; returns its URL."""
        if name not in self._folders:
            original = self._folder / str(len(self._folders))
            original.mkdir()
            fill(f"sqlite:///{original / 'store.db'}")
            self._folders[name] = original
        shutil.copytree(self._folders[name], folder, dirs_exist_ok=True)
        return f"sqlite:///{folder / 'store.db'}"


class OriginalDatabases:
    """Databases on a server, each filled when it is first asked for."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._opened = ExitStack()
        self._urls: dict[str, str] = {}

    def close(self) -> None:
        """Drops them."""
        self._opened.close()

    def copy(self, name: str, fill: Fill) -> AbstractContextManager[str]:
        """Copies a database; returns the URL as long as the copy is there."""
        if name not in self._urls:
            original = self._opened.enter_context(new_database(self._server))
            fill(original)
            self._urls[name] = original
        return new_database(self._server, make_url(self._urls[name]).database)


@contextmanager
def new_database(server_url: str, template: str | None = None) -> Iterator[str]:
    """A new database on a server, empty or a copy of one without connections."""
    server = make_url(server_url)
    name = f"sagaline_{uuid4().hex}"
    copied = template or "template1"
    # Files are copied as they are: by way of the write-ahead log it takes three times as long.
    execute(server, f"CREATE DATABASE {name} TEMPLATE {copied} STRATEGY FILE_COPY")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: URL, statement: str) -> None:
    """Executes a statement outside of a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
