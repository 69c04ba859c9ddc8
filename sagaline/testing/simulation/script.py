"""The simulated participants of one saga instance, and the faults of each command."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.items import step_name
from sagaline.saga.kinds import Kind
from sagaline.saga.state import Role
from sagaline.saga.step_timers import Timing
from sagaline.testing.simulation.decisions import Asked
from sagaline.testing.simulation.faults import NOW, Fault, timing_of
from sagaline.testing.simulation.participants import Effects, SimulatedParticipant
from sagaline.testing.simulation.scripted_attempt import Attempt, FaultPoint, ScriptedAnswer

Script = Mapping[FaultPoint, Sequence[Fault]]
"""The faults of a command: of its first attempt, its second, and so on."""

ParticipantFactory = Callable[..., SimulatedParticipant]
"""A participant class, or a function of a step's name, its kind and the effects."""


class ScriptedParticipants:
    """Answers the commands of one saga instance: with the faults of its script, else correctly."""

    def __init__(
        self,
        saga: type[Saga],
        start: Any,
        participants: Mapping[str, ParticipantFactory],
        script: Script,
        timings: Mapping[str, Timing],
    ) -> None:
        self.start = start
        """The event that starts the instance: answers repeat its fields."""
        self.timings = timings
        """Overrides of the declared `within` and `retry`."""
        self.effects = Effects()
        self.script = script
        self.requested: set[tuple[FaultPoint, int]] = set()
        """Each command that was issued, with the number of the attempt."""
        self._saga = saga
        self._factories = participants
        self._participants: dict[str, SimulatedParticipant] = {}

    def answer(self, request: Asked) -> Sequence[ScriptedAnswer]:
        """Handles a command, or a decision: the answers that its participant gives."""
        point = FaultPoint(request.step, request.role)
        self.requested.add((point, request.attempt))
        step = saga_declaration(self._saga).steps.get(step_name(request.step))
        limit = timing_of(step, self.timings)[0] if step and request.role is Role.DO else None
        participant = self._participant(request.step, None if step is None else step.kind)
        attempt = Attempt(self._saga, self.start, participant, request, limit)
        fault = self._fault(point, request.attempt)
        return [ScriptedAnswer(NOW, attempt.work)] if fault is None else fault.answers(attempt)

    def repair(self) -> None:
        """Ends all faults."""
        self.script = {}

    def _participant(self, name: str, kind: Kind | None) -> SimulatedParticipant:
        """The participant of a step, or of an item, which has effects of its own."""
        if name not in self._participants:
            make = self._factories.get(step_name(name), SimulatedParticipant)
            self._participants[name] = make(name, kind, self.effects)
        return self._participants[name]

    def _fault(self, point: FaultPoint, attempt: int) -> Fault | None:
        faults = self.script.get(point, ())
        if attempt <= len(faults):
            return faults[attempt - 1]
        return faults[-1] if faults and faults[-1].permanent else None


def describe_script(script: Script) -> list[str]:
    """One line for each fault of a script."""
    return [f"{point} {fault.description}" for point, faults in script.items() for fault in faults]
