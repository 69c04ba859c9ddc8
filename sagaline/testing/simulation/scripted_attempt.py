"""One attempt at a command of a saga, and what its simulated participant can do about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid5

from sagaline.messaging.commands import Command
from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.state import Role
from sagaline.testing.given.example_values import candidates, field_values
from sagaline.testing.given.happened import Happened, owner_of
from sagaline.testing.simulation.decisions import Asked
from sagaline.testing.simulation.participants import SimulatedParticipant


class ScriptedAnswer(NamedTuple):
    """An answer of a participant: when it comes, and a function that makes the event.

    The function may work only then, and returns None where there is no event. `crash`: the saga
    handles the event, crashes before its commit, and handles it again.
    """

    after: timedelta
    make_event: Callable[[], Any]
    crash: bool = False


class FaultPoint(NamedTuple):
    """One command of a saga: the name in the definition, and what the command is for."""

    name: str
    role: Role

    def __str__(self) -> str:
        return f"the undo of {self.name}" if self.role is Role.UNDO else self.name


class Attempt:
    """One attempt at a command; the same attempt may be worked on, and answered, repeatedly."""

    def __init__(
        self,
        saga: type[Saga],
        start: Any,
        participant: SimulatedParticipant,
        request: Asked,
        limit: timedelta | None,
    ) -> None:
        self.limit = limit
        """How long the saga waits for the answer; None without a time limit."""
        self._saga = saga
        self._start = start
        self._participant = participant
        self._request = request
        self._point = FaultPoint(request.step, request.role)
        self._events = 0

    def work(self) -> Any:
        """Has the participant handle the command; the answering event, None if there is none."""
        undo = self._request.role is Role.UNDO
        act = self._participant.undo if undo else self._participant.do
        return self._answer(done=act(self._request.command))

    def refusal(self, reason: str = "") -> Any:
        """Has the participant refuse for good; what it has performed already, it answers."""
        request, effects = self._request, self._participant.effects
        if request.role is Role.DO and not effects.refuse(request.step, request.command.id):
            return self.work()
        return self._answer(done=False, reason=reason)

    def fault(self, reason: str = "") -> Any:
        """The event that reports an unknown outcome."""
        request = self._request
        return CommandFaulted.of(
            request.command, request.attempt, reason or f"{self._point} faults"
        )

    def _answer(self, *, done: bool, reason: str = "") -> Any:
        request = self._request
        if request.role in (Role.CLOSE, Role.REMIND):
            return None
        step = saga_declaration(self._saga).step_of(request.step)
        answered = step.undoing if request.role is Role.UNDO else step
        assert answered is not None
        classes = answered.done if done else answered.refused
        if not classes:
            return None
        known = vars(self._start) | {name: each for name, each in request.command if name != "id"}
        if not done:
            known["reason"] = reason or f"{self._point} is refused"
        return self._event(classes[0], known)

    def _event(self, event_class: type[Any], known: dict[str, Any]) -> Any:
        """An event in a stream of its own: two answers to one attempt are two events."""
        if issubclass(event_class, Command):
            fields = {name: known[name] for name in event_class.model_fields if name in known}
            return next(candidates(event_class, "")).model_copy(update=fields)
        self._events += 1
        name = f"{event_class.__qualname__} {self._request.attempt} {self._events}"
        stream = uuid5(self._request.command.id, name)
        values = field_values(event_class, known)
        return Happened(event_class, values).to_event(owner_of(event_class), stream, 1)
