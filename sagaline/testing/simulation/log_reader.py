"""Reads the logs of a system's sagas into a transcript."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sagaline.saga.history import describe
from sagaline.saga.instance import Journal
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
        self._instances: dict[UUID, tuple[str, str]] = {}
        """The saga and the key of each instance, by the id of its journal."""

    def read(self, now: timedelta) -> None:
        """Reads the new events, and adds them to the transcript at the present time."""
        for name, after in self._positions.items():
            app = self._apps[name]
            for row in app.recorder.page(after, TRANSCRIPT_PAGE_SIZE).rows:
                event = app.mapper.to_domain_event(row)
                self.events.append(event)
                self._positions[name] = row.id
                if isinstance(event, Journal.Started | Journal.Awaited):
                    self._instances[event.originator_id] = event.saga, event.key
                for line in describe(event):
                    self.transcript.add(now, self._whose(event) + line)

    def saga_of(self, event: Any) -> str:
        """The name of the saga in whose log an event is."""
        return self._instances[event.originator_id][0]

    def _whose(self, event: Any) -> str:
        """What a line begins with: the instance, where there are several sagas."""
        several = len(self._positions) > 1
        return f"{' '.join(self._instances[event.originator_id])}: " if several else ""
