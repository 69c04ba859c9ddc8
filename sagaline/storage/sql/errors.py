"""Errors of SQLAlchemy and of the drivers, as upstream's error classes."""

from typing import Final

import sqlalchemy.exc
from eventsourcing import persistence

STORAGE_FAULTS: Final = (
    persistence.OperationalError,
    persistence.InterfaceError,
    persistence.InternalError,
)
"""The store is out of reach, locked or full: nothing is skipped, the same batch comes again."""

_CLASSES: dict[str, type[persistence.PersistenceError]] = {
    each.__name__: each
    for each in (
        persistence.InterfaceError,
        persistence.DataError,
        persistence.OperationalError,
        persistence.IntegrityError,
        persistence.InternalError,
        persistence.ProgrammingError,
        persistence.NotSupportedError,
        persistence.DatabaseError,
    )
}

_LIMIT = "54"
"""PostgreSQL's class of what is too large, such as a key for its index. The driver counts it among
the faults of operation, but waiting makes no value smaller."""

_UNFIT = ("42P01", "42703", "3F000", "42501")
"""PostgreSQL's states for a table, a column or a schema that is gone, or that is forbidden. The
driver counts them among the mistakes of a program; but somebody has changed the store under it, and
no event is to blame. SQLite's driver counts them among the faults of operation."""

_NO_LOCK = "55P03"
"""PostgreSQL's state for a wait for a lock that was ended."""

_MODULES = ("sqlalchemy", "sqlite3", "psycopg")


def translated(error: BaseException) -> BaseException:
    """Gives upstream's error for one of SQLAlchemy or of a driver, and any other as it is.

    Drivers share these names by agreement (PEP 249), so the name of the class, or of the nearest
    base class, tells.
    """
    if isinstance(error, persistence.PersistenceError):
        return error
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        said = str(error).partition(" (Background")[0]
        return persistence.OperationalError(f"All connections of this process are in use: {said}")
    state = _state(error)
    if state.startswith(_LIMIT):
        return persistence.DataError(_said(error))
    if state in _UNFIT:
        return persistence.OperationalError(_said(error))
    for each in type(error).__mro__:
        if each.__name__ in _CLASSES and each.__module__.partition(".")[0] in _MODULES:
            return _CLASSES[each.__name__](_said(error))
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return persistence.PersistenceError(str(error))
    return error


def is_lock_timeout(error: BaseException) -> bool:
    """Whether the server has ended a wait for a lock; of an error as it came, or translated."""
    is_ours = isinstance(error, persistence.PersistenceError)
    return _state(error.__cause__ if is_ours else error) == _NO_LOCK


def _state(error: BaseException | None) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None))


def _said(error: BaseException) -> str:
    # Without the statement and the link that SQLAlchemy adds, and on one line; the cause has all.
    return " ".join(str(getattr(error, "orig", None) or error).split())


def raise_translated(error: BaseException) -> None:
    """Raises upstream's error in place of this one; returns if it needs no translation."""
    known = translated(error)
    if known is not error:
        raise known from error
