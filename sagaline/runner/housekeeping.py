"""Deletes rows that have been kept for as long as the options say, a few at a time."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from sagaline.runner.options import Options
from sagaline.runner.store_guard import StoreGuard
from sagaline.storage import Datastore
from sagaline.storage.tables.audit import forget_interventions, is_intervention_old
from sagaline.storage.tables.known_commands import forget_commands, is_command_old

HOUSEKEEPING_INTERVAL = 60.0
"""Seconds between two checks whether rows are old."""

BACKLOG_INTERVAL = 1.0
"""Seconds between two deletions while more rows are old."""

ROWS_AT_ONCE = 500
"""Rows that one transaction deletes from a table: the store is locked for milliseconds."""


class Housekeeping:
    """Keeps the tables of known commands and of interventions from growing for ever."""

    def __init__(self, options: Options, now: Callable[[], datetime], guard: StoreGuard) -> None:
        self._options = options
        self._now = now
        self._guard = guard
        self._due = 0.0
        self.pause = HOUSEKEEPING_INTERVAL
        """Seconds between the last check and the next."""

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next check."""
        return time.monotonic() >= self._due

    def run(self, datastores: Iterable[Datastore]) -> None:
        """Deletes some old rows of each of these stores."""
        found = [
            self._guard.run(f"the housekeeping of {each.address}", partial(self._tidy, each))
            for each in datastores
        ]
        self.pause = BACKLOG_INTERVAL if any(found) else HOUSEKEEPING_INTERVAL
        self._due = time.monotonic() + self.pause

    def _tidy(self, datastore: Datastore) -> bool:
        """Deletes some old rows; returns whether there were any."""
        now = self._now()
        last_command = (now - timedelta(self._options.known_command_days)).timestamp()
        last_intervention = now - timedelta(self._options.intervention_days)
        with datastore.read() as connection:
            if not (
                is_command_old(connection, last_command)
                or is_intervention_old(connection, last_intervention)
            ):
                return False
        with datastore.write() as connection:
            forget_commands(connection, last_command, now.timestamp(), ROWS_AT_ONCE)
            forget_interventions(connection, last_intervention, ROWS_AT_ONCE)
        return True
