"""The URLs of stores: which are supported, and which mean the same store."""

import os

import sqlalchemy.exc
from sqlalchemy import URL, make_url

from sagaline.errors import StoreUnusable
from sagaline.storage.sql.diagnostics import without_password

_DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}


def supported(url: str) -> URL:
    """Parses a URL. Raises StoreUnusable if its database or driver is not supported."""
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise StoreUnusable(url="that was given", reason="it is not a SQLAlchemy URL") from error
    backend, _, driver = parsed.drivername.partition("+")
    backend = "postgresql" if backend == "postgres" else backend
    wanted = _DRIVERS.get(backend)
    if wanted is None or driver not in ("", wanted):
        why = "only sqlite:/// and postgresql+psycopg:// are supported"
        raise StoreUnusable(url=without_password(parsed), reason=why)
    if backend == "sqlite" and not parsed.database:
        parsed = parsed.set(database=":memory:")
    return parsed.set(drivername=backend if backend == "sqlite" else f"{backend}+{wanted}")


def absolute(url: URL) -> URL:
    """The URL with the absolute path of a SQLite file, so that two spellings compare equal."""
    database = url.database or ""
    if url.get_backend_name() != "sqlite" or database.startswith("file:"):
        return url
    return url.set(database=os.path.realpath(database))
