"""Counts the commits of followers, and simulates a crash at one of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from sagaline.storage import Datastore


class Crashed(BaseException):
    """The simulated process died: no handler may catch this."""


class Commits:
    """Counts the commits of all followers; crashes once, before or after one of them."""

    def __init__(self, crash_at: int | None = None, *, before: bool = True) -> None:
        self.count = 0
        self._crash_at = crash_at
        self._before = before

    @contextmanager
    def around(self, datastore: Datastore) -> Iterator[Connection]:
        """Opens a transaction of a follower, whose commit is counted."""
        with datastore.write() as connection:
            yield connection
            self.count += 1
            if self.count == self._crash_at and self._before:
                raise Crashed
        if self.count == self._crash_at and not self._before:
            self._crash_at = None
            raise Crashed
