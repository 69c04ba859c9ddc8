"""Translates errors of SQLAlchemy and of the drivers to upstream's error classes."""

from typing import Final

import sqlalchemy.exc
from eventsourcing import persistence

from sagaline.errors import StoreUnusable

STORAGE_FAULTS: Final = (
    persistence.OperationalError,
    persistence.InterfaceError,
    persistence.InternalError,
)
"""Errors of a store that is unreachable, locked or full: followers retry the same batch."""

STORE_FAILURES: Final = (*STORAGE_FAULTS, StoreUnusable)
"""These, and errors that no retry mends: no event or command is the cause of either."""

_NAMES: Final = frozenset(
    {"InterfaceError", "DataError", "OperationalError", "IntegrityError", "InternalError"}
    | {"ProgrammingError", "NotSupportedError", "DatabaseError"}
)
"""The error classes of PEP 249, which upstream and the drivers have."""

_LIMIT_CLASS = "54"
"""PostgreSQL's class for values above a limit, such as a key too long for its index. The driver
raises OperationalError, but a retry cannot succeed."""

_SCHEMA_STATES = ("42P01", "42703", "3F000", "42501")
"""PostgreSQL's states for a table, column or schema that is missing or forbidden. The driver raises
ProgrammingError; but the store was changed from outside, and no event is the cause. SQLite's driver
raises OperationalError."""

_LOCK_TIMEOUT_STATE = "55P03"
"""PostgreSQL's state for a lock wait that timed out."""

_DRIVER_MODULES = ("sqlalchemy", "sqlite3", "psycopg")


def translated(error: BaseException) -> BaseException:
    """Returns upstream's error for one of SQLAlchemy or of a driver, and any other unchanged.

    All drivers use the class names of PEP 249, so it goes by the name of the error's class, or of
    its nearest base class.
    """
    if isinstance(error, persistence.PersistenceError):
        return error
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        text = str(error).partition(" (Background")[0]
        return persistence.OperationalError(f"All connections of this process are in use: {text}")
    state = _state(error)
    if state.startswith(_LIMIT_CLASS):
        return persistence.DataError(_message(error))
    if state in _SCHEMA_STATES:
        return persistence.OperationalError(_message(error))
    for each in type(error).__mro__:
        if each.__name__ in _NAMES and each.__module__.partition(".")[0] in _DRIVER_MODULES:
            kind: type[persistence.PersistenceError] = getattr(persistence, each.__name__)
            return kind(_message(error))
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return persistence.PersistenceError(str(error))
    return error


def is_lock_timeout(error: BaseException) -> bool:
    """Whether a lock wait has timed out; for an original or a translated error."""
    is_ours = isinstance(error, persistence.PersistenceError)
    return _state(error.__cause__ if is_ours else error) == _LOCK_TIMEOUT_STATE


def _state(error: BaseException | None) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None))


def _message(error: BaseException) -> str:
    # On one line, without the statement and the link that SQLAlchemy adds; the cause has both.
    return " ".join(str(getattr(error, "orig", None) or error).split())


def raise_translated(error: BaseException) -> None:
    """Raises upstream's error in place of this one; returns if no translation is needed."""
    known = translated(error)
    if known is not error:
        raise known from error
