"""Sagas with simulated participants on a store in memory, with any number of instances."""

from collections.abc import Callable, Mapping, Sequence
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
from sagaline.saga.instance import Journal
from sagaline.saga.step_timers import Timing
from sagaline.system.system import System
from sagaline.testing.simulation.commits import Commits
from sagaline.testing.simulation.decisions import Decision
from sagaline.testing.simulation.faults import NOW
from sagaline.testing.simulation.in_memory_system import InMemorySystem
from sagaline.testing.simulation.script import ParticipantFactory, Script, ScriptedParticipants
from sagaline.testing.simulation.scripted_attempt import ScriptedAnswer
from sagaline.testing.simulation.simulated_application import SimulatedApplication

MAX_MOMENTS = 1_000
"""Moves of the clock after which a saga counts as never ending."""


class _LateAnswer(NamedTuple):
    """An answer that a participant gives later; the number keeps the order of one moment."""

    at: datetime
    number: int
    saga: str
    key: str
    request: UUID
    command: UUID | None
    """The id of the command that it answers; None for a decision."""
    answer: ScriptedAnswer


class Part(NamedTuple):
    """One saga of a system: its times there, and what replaces its simulated participants."""

    saga: type[Saga]
    timings: Mapping[str, Timing]
    factories: Mapping[str, ParticipantFactory]


class SystemRun(InMemorySystem):
    """A system of sagas; the participants of each instance answer by a script, now and later."""

    def __init__(self, system: System, parts: Sequence[Part]) -> None:
        super().__init__(system)
        self.parts = {saga_declaration(each.saga).name: each for each in parts}
        """The sagas, by their names."""
        self.script_of: Callable[[str, str], Script] = lambda *_: {}
        """The faults of an instance that starts from now on, by its saga and its key."""
        self.participants: dict[UUID, ScriptedParticipants] = {}
        """The participants of each instance that was asked for, by the id of its journal."""
        self._late: list[_LateAnswer] = []
        self._number = count()
        self._decided: set[UUID] = set()
        (self._app,) = (a for a in self.apps.values() if isinstance(a, SimulatedApplication))
        self._app.answer = self._answer

    def restart(self, script_of: Callable[[str, str], Script], commits: Commits) -> None:
        """Empties the store, and replaces the scripts."""
        self.clear()
        self.commits = commits
        self.script_of = script_of
        self.participants.clear()
        self._late.clear()
        self._decided.clear()

    def participants_for(self, saga: str, instance: UUID) -> ScriptedParticipants:
        """The participants of the instance with this journal."""
        if instance not in self.participants:
            journal, (cls, timings, factories) = self.journal(saga, instance), self.parts[saga]
            script = self.script_of(saga, journal.key)
            start = journal.history[0]
            self.participants[instance] = ScriptedParticipants(
                cls, start, factories, script, timings
            )
        return self.participants[instance]

    def give(self, start: Any) -> None:
        """Records an event that starts sagas, or gives a command that starts one."""
        sagas = {n: saga_declaration(each.saga) for n, each in self.parts.items()}
        started = [name for name, each in sagas.items() if each.is_start(start)]
        if isinstance(start, Command):
            self.apps[started[0]].execute_one(start)
        else:
            self._app.record(sagas[started[0]].instance_key(start), start)

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

    def _hear(self, late: _LateAnswer, event: Any) -> None:
        """Records an answer, or gives a signal to the saga, which may be over."""
        if not isinstance(event, Command):
            self._app.record(late.key, event, late.command)
            return
        to_instance = event.model_copy(update={str(event.key_field): late.key})
        with suppress(SignalTooLate):
            self.apps[late.saga].execute_one(to_instance)

    def _decide(self) -> None:
        """Has people decide, by the script, what instances wait for without a command."""
        for event in self.log.events:
            if not isinstance(event, Journal.Waiting):
                continue
            saga = self.log.saga_of(event)
            participants = self.participants_for(saga, event.originator_id)
            key = saga_declaration(self.parts[saga].saga).instance_key(participants.start)
            decision = Decision.of(event, key)
            if decision.command.id not in self._decided:
                self._decided.add(decision.command.id)
                for answer in participants.answer(decision):
                    self._answer_later(saga, key, decision.command.id, None, answer)

    def _answer_later(
        self, saga: str, key: str, request: UUID, command: UUID | None, answer: ScriptedAnswer
    ) -> None:
        when = self.now + answer.after, next(self._number)
        heappush(self._late, _LateAnswer(*when, saga, key, request, command, answer))

    def _answer(self, saga: str, request: Journal.Requested) -> Sequence[Any]:
        """The events that answer a command now; the later answers are kept for `advance_to`."""
        participants = self.participants_for(saga, request.originator_id)
        request_id = uuid5(request.command.id, str(request.attempt))
        # After a crash a command is handled again: its answers replace the earlier ones.
        self._late = [each for each in self._late if each.request != request_id]
        heapify(self._late)
        key = saga_declaration(self.parts[saga].saga).instance_key(participants.start)
        events: list[Any] = []
        for answer in participants.answer(request):
            if answer.after <= NOW:
                events.append(answer.make_event())
            else:
                self._answer_later(saga, key, request_id, request.command.id, answer)
        return [each for each in events if each is not None]
