"""The default clock of timers: the server's where there is one."""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from sagaline.storage import Datastore

CLOCK_INTERVAL = 10.0
"""Seconds between two reads of the server's clock."""


class StoreClock:
    """The time of a PostgreSQL server, the same for all its clients; else this machine's time.

    `synchronise` reads the server's clock once in a while; between two reads the monotonic time
    since the last one is added, so that telling the time needs no connection.
    """

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._is_served = datastore.dialect == "postgresql"
        self._read: tuple[datetime, float] | None = None
        self.synchronise()

    def __call__(self) -> datetime:
        """The time now, in UTC."""
        if self._read is None:
            return datetime.now(UTC)
        server_time, read_at = self._read
        return server_time + timedelta(seconds=time.monotonic() - read_at)

    def synchronise(self) -> None:
        """Reads the server's clock, unless the last read is recent."""
        before = time.monotonic()
        is_recent = self._read is not None and before - self._read[1] < CLOCK_INTERVAL
        if not self._is_served or is_recent:
            return
        with self._datastore.read() as connection:
            server_time = connection.execute(select(func.clock_timestamp())).scalar_one()
        self._read = server_time.astimezone(UTC), (before + time.monotonic()) / 2
