"""Whose fault an error of a database is: it is waited for, it ends a runner, or it is an event's.

Errors of SQLAlchemy and of the drivers become upstream's error classes. `STORAGE_FAULTS` are waited
for: a server that is away, a lock, a full disk. `ENDINGS` end a runner with the reason: no retry
mends a damaged page, and a retry may harm what is left. What remains is about an event: a value
that does not fit, a key that is there already, a wrong statement.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

import sqlalchemy.exc
from eventsourcing import persistence

from sagaline.errors import StoreDamaged, StoreUnusable

STORAGE_FAULTS: Final = (
    persistence.OperationalError,
    persistence.InterfaceError,
    persistence.InternalError,
)
"""Errors of a store that is unreachable, locked or full: followers retry the same batch."""

ENDINGS: Final = (StoreUnusable, StoreDamaged, MemoryError)
"""Errors of the store or the machine that no retry mends: a runner ends with them."""

STORE_FAILURES: Final = (*STORAGE_FAULTS, *ENDINGS)
"""No event or command is the cause of any of these: none is parked or refused for them."""

_RESTORE = "stop the processes that use it and restore it from a backup"
_MAKE_WRITABLE = "make it writable and start again"

_ENDING: Final[Mapping[int | str, str]] = {
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_FORMAT: _RESTORE,
    sqlite3.SQLITE_IOERR | 33 << 8: _RESTORE,  # the file system is damaged
    sqlite3.SQLITE_READONLY: _MAKE_WRITABLE,
    sqlite3.SQLITE_PERM: _MAKE_WRITABLE,
    "XX001": _RESTORE,  # data_corrupted
    "XX002": f"rebuild its index with REINDEX, or {_RESTORE}",  # index_corrupted
    "58P01": _RESTORE,  # undefined_file: one of the server's own
    "25006": "name the primary server, or change default_transaction_read_only, and start again",
}
"""The cure by SQLite's code, extended or primary, or PostgreSQL's state. All others of SQLite's
IOERR, FULL and CANTOPEN, and of PostgreSQL's classes 08, 53, 57 and 58, may pass."""

_OF_UNDECODABLE = " with text "
"""What follows in SQLite's driver's "Could not decode to UTF-8 column 'topic' with text '...'", of
a text that is damaged. It raises OperationalError, without a code."""

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

_PRIMARY = 0xFF
"""The bits of SQLite's extended code that are the primary one."""

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
        return persistence.DataError(message_of(error))
    if state in _SCHEMA_STATES:
        return persistence.OperationalError(message_of(error))
    for each in type(error).__mro__:
        if each.__name__ in _NAMES and each.__module__.partition(".")[0] in _DRIVER_MODULES:
            kind: type[persistence.PersistenceError] = getattr(persistence, each.__name__)
            return kind(message_of(error))
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return persistence.PersistenceError(str(error))
    return error


def is_lock_timeout(error: BaseException) -> bool:
    """Whether a lock wait has timed out; for an original or a translated error."""
    is_ours = isinstance(error, persistence.PersistenceError)
    return _state(error.__cause__ if is_ours else error) == _LOCK_TIMEOUT_STATE


def is_unknown_commit(error: BaseException) -> bool:
    """Whether a COMMIT that has failed with this error may yet hold after a crash.

    SQLite has then written it to the log, and could not make the disk keep it.
    """
    return _sqlite_code(error) & _PRIMARY == sqlite3.SQLITE_IOERR


def raise_store_failure(error: BaseException) -> None:
    """Raises the failure of a store or of the machine that an error is, or was raised from.

    So none is taken for that of an event because other code has caught it on its way.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, STORE_FAILURES):
            raise cause
        cause = cause.__cause__


def _reason_to_end(error: BaseException) -> str | None:
    """Why no retry helps, and the cure; None for an error that is waited for, or an event's."""
    if isinstance(_original(error), sqlite3.OperationalError):
        text, is_shortened, _ = message_of(error).partition(_OF_UNDECODABLE)
        if is_shortened:
            return f"{text}: {_RESTORE}"
    code = _sqlite_code(error)
    keys = _state(error), code, code & _PRIMARY
    cure = next((_ENDING[key] for key in keys if key in _ENDING), None)
    return None if cure is None else f"{message_of(error)}: {cure}"


def _original(error: BaseException | None) -> BaseException | None:
    return getattr(error, "orig", None) or error


def _sqlite_code(error: BaseException) -> int:
    code: int = getattr(_original(error), "sqlite_errorcode", 0)
    return code


def _state(error: BaseException | None) -> str:
    return str(getattr(_original(error), "sqlstate", None))


def message_of(error: BaseException) -> str:
    """The text of an error on one line, without the statement and the link of SQLAlchemy."""
    return " ".join(str(_original(error)).split())


def raise_translated(error: BaseException, store: str | None = None) -> None:
    """Raises upstream's error in place of this one; returns if no translation is needed.

    Raises StoreUnusable where no retry mends it. Code inside a transaction does not name the
    store; it raises the error itself then, and the transaction translates it.
    """
    reason = _reason_to_end(error)
    if reason is not None:
        if store is not None:
            raise StoreUnusable(url=store, reason=reason) from error
        return
    known = translated(error)
    if known is not error:
        raise known from error
