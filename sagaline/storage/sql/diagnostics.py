"""Explains in one line why a store cannot be used."""

import os
from pathlib import Path

from sqlalchemy import URL

from sagaline.storage.sql import sqlite

_SHOWN = frozenset(
    {"application_name", "cache", "connect_timeout", "dbname", "host", "hostaddr", "mode"}
    | {"options", "port", "sslmode", "target_session_attrs", "timeout", "uri", "user"}
)
"""Parameters that may be shown. Any other may hold a secret, also one whose name is mistyped."""

_SHORTEST_SECRET = 4
"""Characters of a parameter's value that is hidden in other text, too: a number says nothing."""


def without_password(url: URL) -> str:
    """The URL as text that may be shown."""
    shown = url.set(query={k: v for k, v in url.query.items() if k in _SHOWN})
    return shown.render_as_string(hide_password=True)


def reason(url: URL | None, error: BaseException) -> str:
    """The reason for an error raised by the first access to a store."""
    error = _innermost(error)
    text = _first_line(error)
    if url is None:
        return text
    if url.get_backend_name() == "sqlite" and not sqlite.is_in_memory(url):
        text = _of_file(sqlite.path(url), error, text)
    return _without_secrets(url, text)


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _of_file(path: Path, error: BaseException, text: str) -> str:
    if os.path.isdir(path):
        return f"{path} is a directory"
    if not sqlite.has_access(path.parent, os.F_OK):
        return f"the directory {path.parent} does not exist"
    if "not a database" in text:
        return f"{path} is not a SQLite database"
    if getattr(error, "sqlite_errorname", None) == "SQLITE_READONLY_ROLLBACK":
        return f"{path} was left in the middle of a write: open it with its own program first"
    if "unable to open" in text or "readonly" in text:
        return _of_permissions(path, text)
    return text


def _of_permissions(path: Path, text: str) -> str:
    if not sqlite.has_access(path.parent, os.W_OK | os.X_OK):
        return f"there is no permission to write in the directory {path.parent}"
    if sqlite.has_access(path, os.F_OK) and not sqlite.has_access(path, os.R_OK | os.W_OK):
        return f"there is no permission to read and write {path}"
    return f"{path} can only be read" if "readonly" in text else text


def _without_secrets(url: URL, text: str) -> str:
    hidden = [value for name, value in url.query.items() if name not in _SHOWN]
    for value in hidden:
        for each in [value] if isinstance(value, str) else value:
            text = text.replace(each, "***") if len(each) >= _SHORTEST_SECRET else text
    return text.replace(url.password, "***") if url.password else text


def missing_driver(error: ImportError) -> str:
    """Why a database without its driver cannot be used."""
    return f"its driver is not installed ({error.name or 'psycopg'}): install sagaline[postgres]"
