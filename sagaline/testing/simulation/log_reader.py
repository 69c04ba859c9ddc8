"""The story of a system's sagas, read from their logs as it goes on."""

from collections.abc import Iterable
from typing import Any

from sagaline.saga.definition import Saga
from sagaline.saga.history import describe
from sagaline.testing.given.aggregates import LONG_AGO
from sagaline.testing.simulation.in_memory_system import InMemorySystem
from sagaline.testing.simulation.transcript import Transcript

PAGE = 1_000


class LogReader:
    """Tells what sagas have recorded since it was last asked, at the time that it is now."""

    def __init__(self, stage: InMemorySystem, sagas: Iterable[type[Saga]]) -> None:
        self.story = Transcript()
        self.events: list[Any] = []
        """Everything in the logs of the sagas, in order."""
        self._stage = stage
        self._read = {each.__name__: 0 for each in sagas}

    def go_on(self) -> None:
        """Reads what is new."""
        for name, after in self._read.items():
            mapper: Any = self._stage.apps[name].mapper
            for row in self._stage.apps[name].recorder.page(after, PAGE).rows:
                event = mapper.to_domain_event(row)
                self.events.append(event)
                self._read[name] = row.id
                for line in describe(event):
                    self.story.tell(self._stage.now - LONG_AGO, line)
