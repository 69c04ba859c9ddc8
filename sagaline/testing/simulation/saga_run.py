"""A saga with simulated participants on a store in memory, with any number of instances."""

from collections.abc import Mapping
from typing import Any

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.step_timers import Timing
from sagaline.testing.simulation.script import ParticipantFactory, Script
from sagaline.testing.simulation.simulated_application import system_of
from sagaline.testing.simulation.system_run import Part, SystemRun


class SagaRun(SystemRun):
    """The system of one saga, whose instances have one script."""

    def __init__(
        self,
        saga: type[Saga],
        participants: Mapping[str, ParticipantFactory] | None = None,
        script: Script | None = None,
        timings: Mapping[str, Timing] | None = None,
    ) -> None:
        times = timings or {}
        super().__init__(system_of(saga, times), [Part(saga, times, participants or {})])
        given: Script = {} if script is None else script
        self.script_of = lambda *_: given
        self._saga = saga

    def start(self, event: Any) -> str:
        """Records the event, or gives the command, that starts an instance; returns its key."""
        key = saga_declaration(self._saga).instance_key(event)
        self.give(event)
        self.settle()
        return key

    def record(self, key: str, event: Any) -> None:
        """Records an event for the instance of this key."""
        self._app.record(key, event)
        self.settle()
