"""The URLs of stores: which are supported, and which mean the same store."""

import os
from typing import Final, NoReturn

import sqlalchemy.exc
from sqlalchemy import URL, make_url

from sagaline.errors import StoreUnusable
from sagaline.storage.sql import sqlite
from sagaline.storage.sql.diagnostics import without_password

DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg"}
"""The supported databases, each with its driver."""

MAX_TIMEOUT: Final = 1_000_000.0
"""The greatest `timeout` of a SQLite URL: SQLite counts milliseconds with 31 bits."""

_UNNAMED: Final = "that was given"
"""Stands for a URL that cannot be read: it may hold a password at any place."""


def supported(url: str) -> URL:
    """Parses a URL. Raises StoreUnusable if its database, driver or form is not supported."""
    parsed = _parsed(url.strip())
    backend, _, driver = parsed.drivername.partition("+")
    backend = "postgresql" if backend == "postgres" else backend
    wanted = DRIVERS.get(backend)
    if wanted is None or driver not in ("", wanted):
        _refuse(parsed, "only sqlite:/// and postgresql+psycopg:// are supported")
    if backend == "sqlite":
        parsed = parsed.set(drivername=backend)
        _refuse_unfit_file(parsed)
        return parsed if parsed.database else parsed.set(database=":memory:")
    return parsed.set(drivername=f"{backend}+{wanted}")


def refuse_in_memory(url: str) -> None:
    """Raises StoreUnusable for a store that ends with its process, and for an unsupported URL."""
    parsed = supported(url)
    if parsed.get_backend_name() == "sqlite" and sqlite.is_in_memory(parsed):
        _refuse(parsed, "it is in memory, where no other process can see it; name a file")


def refuse_driver(driver: str, store: str) -> None:
    """Raises StoreUnusable if a session of the user's runs on an unsupported driver."""
    if driver not in DRIVERS.values():
        why = f"its driver is {driver}: only pysqlite and psycopg are supported"
        raise StoreUnusable(url=store, reason=why)


def absolute(url: URL) -> URL:
    """The URL with the absolute path of a SQLite file, so that two spellings compare equal."""
    database = url.database or ""
    if url.get_backend_name() != "sqlite" or database.startswith("file:"):
        return url
    return url.set(database=os.path.realpath(database))


def _parsed(url: str) -> URL:
    if not url:
        _refuse(None, "it is empty: name one, such as sqlite:///shop.db")
    if not url.isprintable():
        _refuse(None, "it has characters that cannot be printed")
    if _is_ambiguous(url):
        _refuse(None, "it has several @: write %40 for all but the one before the host")
    try:
        return make_url(url)
    except sqlalchemy.exc.ArgumentError:
        _refuse(None, "it is not a SQLAlchemy URL, such as sqlite:///shop.db")
    except ValueError:
        _refuse(None, "its port is not a number (write %40 for an @ in a password)")


def _is_ambiguous(url: str) -> bool:
    """Whether a part of the password may be read as the host, and be shown."""
    before, at, after = url.partition("://")[2].partition("@")
    return bool(at) and ":" in before and "@" in after and not url.startswith("sqlite")


def _refuse_unfit_file(url: URL) -> None:
    if url.host or url.username or url.password or url.port:
        _refuse(url, "write sqlite:/// before a relative path, sqlite://// before an absolute one")
    is_uri = str(url.query.get("uri", "")).lower() in ("1", "true", "yes", "on", "y", "t")
    if str(url.database).startswith("file:") and not is_uri:
        _refuse(url, "a file: name needs the parameter uri=true")
    try:
        url.get_dialect()().create_connect_args(url)
        wait = sqlite.busy_timeout(url)
    except (ValueError, TypeError, AttributeError, sqlalchemy.exc.ArgumentError):
        _refuse(url, "one of its parameters has no valid value (timeout is a number of seconds)")
    if not 0 <= wait <= MAX_TIMEOUT:
        _refuse(url, f"its timeout must be between 0 and {MAX_TIMEOUT:,.0f} seconds")


def _refuse(url: URL | None, reason: str) -> NoReturn:
    # Without a cause: its text may hold the URL.
    if url is not None and url.username and url.password is None:
        url = url.set(username="***")  # perhaps a password whose colon was lost
    shown = _UNNAMED if url is None else without_password(url)
    raise StoreUnusable(url=shown, reason=reason) from None
