"""A saga with simulated participants on a store in memory, with any number of instances."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from typing_extensions import override

from sagaline.errors import SignalTooLate
from sagaline.messaging.commands import Command
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.step_timers import Timing
from sagaline.testing.simulation.commits import Commits
from sagaline.testing.simulation.decisions import Decision
from sagaline.testing.simulation.faults import NOW
from sagaline.testing.simulation.in_memory_system import InMemorySystem
from sagaline.testing.simulation.script import ParticipantFactory, Script, ScriptedParticipants
from sagaline.testing.simulation.scripted_attempt import ScriptedAnswer
from sagaline.testing.simulation.simulated_application import SimulatedApplication, system_of

MAX_MOMENTS = 1_000
"""Moves of the clock after which a saga counts as never ending."""


class _LateAnswer(NamedTuple):
    """An answer that a participant gives later; the number keeps the order of one moment."""

    at: datetime
    number: int
    key: str
    request: UUID
    command: UUID | None
    """The id of the command that it answers; None for a decision."""
    answer: ScriptedAnswer


class SagaRun(InMemorySystem):
    """The system of one saga; its participants answer by a script, now and later."""

    def __init__(
        self,
        saga: type[Saga],
        participants: Mapping[str, ParticipantFactory] | None = None,
        script: Script | None = None,
        timings: Mapping[str, Timing] | None = None,
    ) -> None:
        self._timings = timings or {}
        super().__init__(system_of(saga, self._timings))
        self.script: Script = {} if script is None else script
        """The faults of the instances that start from now on."""
        self.participants: dict[UUID, ScriptedParticipants] = {}
        """The participants of each instance, by the id of its journal."""
        self._saga = saga
        self._factories = participants or {}
        self._late: list[_LateAnswer] = []
        self._number = count()
        self._decided: set[UUID] = set()
        (self._app,) = (a for a in self.apps.values() if isinstance(a, SimulatedApplication))
        self._app.answer = self._answer

    def restart(self, script: Script, commits: Commits) -> None:
        """Empties the store, and replaces the script."""
        self.clear()
        self.commits = commits
        self.script = script
        self.participants.clear()
        self._late.clear()
        self._decided.clear()

    def start(self, event: Any) -> str:
        """Records the event, or gives the command, that starts an instance; returns its key."""
        key = saga_declaration(self._saga).instance_key(event)
        self.participants.setdefault(
            journal_id(saga_declaration(self._saga).name, key), self._participants_of(event)
        )
        if isinstance(event, Command):
            self.apps[saga_declaration(self._saga).name].execute_one(event)
            self.settle()
        else:
            self.record(key, event)
        return key

    def record(self, key: str, event: Any) -> None:
        """Records an event for the instance of this key."""
        self._app.record(key, event)
        self.settle()

    def _hear(self, late: _LateAnswer, event: Any) -> None:
        """Records an answer, or gives a signal to the saga, which may be over."""
        if not isinstance(event, Command):
            self._app.record(late.key, event, late.command)
            return
        to_instance = event.model_copy(update={str(event.key_field): late.key})
        with suppress(SignalTooLate):
            self.apps[saga_declaration(self._saga).name].execute_one(to_instance)

    @override
    def next_due(self) -> datetime | None:
        """When the next timer is due, or the next answer of a participant."""
        due, late = super().next_due(), self._late[0].at if self._late else None
        return min((each for each in (due, late) if each is not None), default=None)

    @override
    def advance_to(self, moment: datetime) -> None:
        """Moves the clock: late answers arrive before the timers of the same moment fire."""
        self.now = moment
        while self._late and self._late[0].at <= moment:
            late = heappop(self._late)
            event = late.answer.make_event()
            if event is not None:
                self._hear(late, event)
        self.settle()

    def run(self) -> None:
        """Moves the clock until no timer, no answer and no decision is left."""
        self.settle()
        for _ in range(MAX_MOMENTS):
            self._decide()
            moment = self.next_due()
            if moment is None:
                return
            self.advance_to(moment)
        raise TimeoutError(f"no end after {MAX_MOMENTS} moments")

    def _participants_of(self, start: Any) -> ScriptedParticipants:
        return ScriptedParticipants(self._saga, start, self._factories, self.script, self._timings)

    def _participants_for(self, instance: UUID) -> ScriptedParticipants:
        if instance not in self.participants:  # a later run
            start = self.journal(saga_declaration(self._saga).name, instance).history[0]
            self.participants[instance] = self._participants_of(start)
        return self.participants[instance]

    def _decide(self) -> None:
        """Has people decide, by the script, what instances wait for without a command."""
        for event in self.log.events:
            if not isinstance(event, Journal.Waiting):
                continue
            participants = self._participants_for(event.originator_id)
            key = saga_declaration(self._saga).instance_key(participants.start)
            decision = Decision.of(event, key)
            if decision.command.id not in self._decided:
                self._decided.add(decision.command.id)
                for answer in participants.answer(decision):
                    when = self.now + answer.after, next(self._number)
                    heappush(self._late, _LateAnswer(*when, key, decision.command.id, None, answer))

    def _answer(self, request: Journal.Requested) -> Sequence[Any]:
        """The events that answer a command now; the later answers are kept for `advance_to`."""
        participants = self._participants_for(request.originator_id)
        request_id = uuid5(request.command.id, str(request.attempt))
        # After a crash a command is handled again: its answers replace the earlier ones.
        self._late = [each for each in self._late if each.request != request_id]
        heapify(self._late)
        events: list[Any] = []
        for answer in participants.answer(request):
            if answer.after <= NOW:
                events.append(answer.make_event())
            else:
                when = self.now + answer.after, next(self._number)
                key = saga_declaration(self._saga).instance_key(participants.start)
                heappush(
                    self._late, _LateAnswer(*when, key, request_id, request.command.id, answer)
                )
        return [each for each in events if each is not None]
