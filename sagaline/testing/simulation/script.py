"""The simulated participants of one saga instance, and what goes wrong with each command."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid5

from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal
from sagaline.saga.state import Role
from sagaline.saga.step_timers import Timing
from sagaline.testing.given.aggregates import Happened
from sagaline.testing.given.example_values import facts_of
from sagaline.testing.given.sagas import owner_of
from sagaline.testing.simulation.faults import NOW, Fault, FaultPoint, ScriptedAnswer, limit_of
from sagaline.testing.simulation.participants import Effects, SimulatedParticipant

Script = Mapping[FaultPoint, Sequence[Fault]]
"""What goes wrong with a command: with its first attempt, its second, and so on."""

Casting = Callable[..., SimulatedParticipant]
"""A class of participants, or whatever else makes one from a name, a kind and the effects."""


class ScriptedParticipants:
    """Answers the commands of one saga instance, as its script says, and else as it should be."""

    def __init__(
        self,
        saga: type[Saga],
        participants: Mapping[str, Casting] | None = None,
        script: Script | None = None,
        timings: Mapping[str, Timing] | None = None,
    ) -> None:
        self.timings: Mapping[str, Timing] = {} if timings is None else timings
        """How long the steps may take, where it is not as declared."""
        self.effects = Effects()
        self.script: Script = {} if script is None else script
        self.asked: set[tuple[FaultPoint, int]] = set()
        """Each command that was given, and for which time."""
        self.start: Any = None
        """The event that the instance begins with: answers repeat what it says."""
        self.key = ""
        self._saga = saga
        kinds = {name: step.kind for name, step in saga.steps.items()}
        closings = [each.name for each in (saga.completing, saga.closing) if each is not None]
        made = participants or {}
        self._participants = {
            name: made.get(name, SimulatedParticipant)(name, kinds.get(name), self.effects)
            for name in (*kinds, *closings)
        }
        self._said = 0

    def take(self, request: Journal.Requested) -> Sequence[ScriptedAnswer]:
        """A command is given: who says what about it, and when."""
        place = FaultPoint(request.step, request.role)
        self.asked.add((place, request.attempt))
        part = _Part(self, request)
        fault = self._fault(place, request.attempt)
        return fault.play(part) if fault is not None else [ScriptedAnswer(NOW, part.work)]

    def mend(self) -> None:
        """From now on nothing goes wrong any more."""
        self.script = {}

    def _fault(self, place: FaultPoint, attempt: int) -> Fault | None:
        faults = self.script.get(place, ())
        if attempt <= len(faults):
            return faults[attempt - 1]
        return faults[-1] if faults and faults[-1].lasting else None

    def work(self, request: Journal.Requested) -> Any:
        """Lets the participant do what is asked; the event that says what came of it."""
        participant = self._participants[request.step]
        act = participant.undo if request.role is Role.UNDO else participant.do
        return self.event(request, done=act(request.command))

    def refuse(self, request: Journal.Requested, reason: str = "") -> Any:
        """Lets the participant refuse: for good, and not what it has done already."""
        if request.role is Role.DO and not self.effects.refuse(request.step, request.command.id):
            return self.work(request)
        return self.event(request, done=False, reason=reason)

    def event(self, request: Journal.Requested, *, done: bool, reason: str = "") -> Any:
        """The event that answers a command; None where there is none for it."""
        if request.role is Role.CLOSE:
            return None
        step = self._saga.steps[request.step]
        answered = step.undoing if request.role is Role.UNDO else step
        assert answered is not None
        classes = answered.done if done else answered.refused
        if not classes:
            return None
        known = vars(self.start) | {name: value for name, value in request.command if name != "id"}
        if not done:
            known["reason"] = reason or f"{FaultPoint(request.step, request.role)} is refused"
        return self._sealed(classes[0], request, facts_of(classes[0], known))

    def _sealed(
        self, event_class: type[Any], request: Journal.Requested, facts: dict[str, Any]
    ) -> Any:
        """The event in a stream of its own: an answer that comes twice is two events."""
        self._said += 1
        stream = uuid5(request.command.id, f"{event_class.__qualname__} {self._said}")
        return Happened(event_class, facts).sealed(owner_of(event_class), stream, 1)


class _Part:
    """One command, in the hands of its participant."""

    def __init__(self, cast: ScriptedParticipants, request: Journal.Requested) -> None:
        self._cast = cast
        self._request = request
        step = cast._saga.steps.get(request.step)
        self.limit = limit_of(step, cast.timings) if step and request.role is Role.DO else None

    def work(self) -> Any:
        return self._cast.work(self._request)

    def refusal(self, reason: str = "") -> Any:
        return self._cast.refuse(self._request, reason)

    def fault(self, reason: str = "") -> Any:
        request = self._request
        why = reason or f"{FaultPoint(request.step, request.role)} faults"
        return CommandFaulted.of(request.command, request.attempt, why)
