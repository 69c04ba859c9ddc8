"""Reads the logs of a system's sagas into a transcript."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sagaline.saga.history import describe
from sagaline.testing.simulation.transcript import Transcript

TRANSCRIPT_PAGE_SIZE = 1_000
"""Log rows read from each saga at a time."""


class LogReader:
    """Reads the events that sagas have recorded since the previous call."""

    def __init__(self, apps: Mapping[str, Any], sagas: Iterable[str]) -> None:
        self.transcript = Transcript()
        self.events: list[Any] = []
        """All events in the logs of the sagas, in the order of reading."""
        self._apps = apps
        self._positions = dict.fromkeys(sagas, 0)

    def read(self, now: timedelta) -> None:
        """Reads the new events, and adds them to the transcript at the present time."""
        for name, after in self._positions.items():
            app = self._apps[name]
            for row in app.recorder.page(after, TRANSCRIPT_PAGE_SIZE).rows:
                event = app.mapper.to_domain_event(row)
                self.events.append(event)
                self._positions[name] = row.id
                for line in describe(event):
                    self.transcript.add(now, line)
