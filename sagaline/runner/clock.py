"""The clock that timers go by, where nobody brings another one."""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from sagaline.storage import Datastore

EVERY = 10.0
"""Seconds between two looks at the server's clock."""


class StoreClock:
    """The time of a PostgreSQL server, on which all who use it agree; else this machine's.

    The server is asked once in a while, by `look`; in between the time since then is added, so that
    telling the time needs no connection.
    """

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._is_served = datastore.dialect == "postgresql"
        self._seen: tuple[datetime, float] | None = None
        self.look()

    def __call__(self) -> datetime:
        """The time now, in UTC."""
        if self._seen is None:
            return datetime.now(UTC)
        told, at = self._seen
        return told + timedelta(seconds=time.monotonic() - at)

    def look(self) -> None:
        """Asks the server for its time, if that was long ago."""
        before = time.monotonic()
        if not self._is_served or (self._seen is not None and before - self._seen[1] < EVERY):
            return
        with self._datastore.read() as connection:
            told = connection.execute(select(func.clock_timestamp())).scalar_one()
        self._seen = told.astimezone(UTC), (before + time.monotonic()) / 2
