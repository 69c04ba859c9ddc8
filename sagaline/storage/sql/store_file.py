"""The file of a SQLite store, which anybody may delete or replace while it is open."""

import os
import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

Identity = tuple[int, int]

_RESTORE: Final = "stop the processes that use it, restore the file and start again"

GONE: Final = (
    f"its file was deleted or moved, or can no longer be reached, while it was in use: {_RESTORE}"
)
REPLACED: Final = f"its file was replaced by another one while it was in use: {_RESTORE}"
CUT: Final = f"its file was cut short while it was in use: {_RESTORE}"
LOG_GONE: Final = f"its write-ahead log was deleted or replaced while it was in use: {_RESTORE}"

_LOG: Final = "sagaline_wal"


class StoreFile:
    """Checks that the path of a store still leads to the file that its connections have open.

    SQLite goes on writing to a deleted file, which nobody can open again. Each check takes one or
    two microseconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.path.realpath(path)  # later, the current directory may be another one
        self._log = f"{self._path}-wal"
        self._identity: Identity | None = None
        self._size = 0

    def opened(self) -> None:
        """Remembers the file that the first connection has opened."""
        found = _stat(self._path)
        if self._identity is None and found is not None:
            self._identity, self._size = _identity(found), found.st_size

    def problem(self) -> str | None:
        """What has happened to the file; None if nothing has."""
        if self._identity is None:
            return None
        found = _stat(self._path)
        if found is None:
            return GONE
        if _identity(found) != self._identity:
            return REPLACED
        if found.st_size < self._size and not self._is_whole(found.st_size):
            return CUT
        self._size = found.st_size
        return None

    def problem_after_write(self, connection: dict[str, Any]) -> str | None:
        """The same, with the write-ahead log that this connection has open; it keeps its `info`."""
        found = _stat(self._log)
        if found is None or connection.setdefault(_LOG, _identity(found)) != _identity(found):
            return self.problem() or LOG_GONE
        return self.problem()

    def _is_whole(self, size: int) -> bool:
        """Whether a file that has become smaller lacks no page, as after a VACUUM."""
        if size == 0:
            return False
        try:
            # A new connection has no pages in memory.
            fresh = sqlite3.connect(f"file:{quote(self._path)}?mode=ro", uri=True)
            try:
                pages = _pragma(fresh, "page_count") * _pragma(fresh, "page_size")
                # Pages that are missing in the file may still be in the write-ahead log.
                return bool(pages <= size or _pragma(fresh, "quick_check(1)") == "ok")
            finally:
                fresh.close()
        except sqlite3.DatabaseError:
            return False


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:  # it does not exist, or its directory may not be read any more
        return None


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
