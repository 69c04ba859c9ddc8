"""One run of one saga instance on the engine alone: no store, and a simulated clock."""

from collections.abc import Iterator
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any
from uuid import UUID

from sagaline.messaging.timers import SetTimer
from sagaline.saga.definition import Saga
from sagaline.saga.history import describe_effects, describe_input, describe_timer
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Operator
from sagaline.testing.drive import Driven, drive, replay
from sagaline.testing.given.happened import LONG_AGO
from sagaline.testing.simulation.decisions import Asked, Decision
from sagaline.testing.simulation.faults import NOW
from sagaline.testing.simulation.script import ScriptedParticipants
from sagaline.testing.simulation.scripted_attempt import ScriptedAnswer
from sagaline.testing.simulation.transcript import Transcript

MAX_INPUTS = 1_000
"""Inputs after which a saga counts as never ending."""


class EngineRun:
    """A saga instance and its simulated participants, run by the production engine.

    Answers of one moment arrive in the order of their commands; an answer arrives before a time
    limit of the same moment, as in a log.
    """

    def __init__(self, saga: type[Saga], participants: ScriptedParticipants) -> None:
        self.participants = participants
        self.transcript = Transcript()
        self.timers: dict[str, tuple[timedelta, SetTimer]] = {}
        """The pending timers, each with the moment when it is due."""
        self.raised: Exception | None = None
        self._saga = saga
        self._now = NOW
        self._answers: list[tuple[timedelta, int, ScriptedAnswer, UUID]] = []
        self._number = count()
        self._events: list[Any] = []
        self._journal: Journal | None = None
        self.transcript.add(NOW, describe_input(participants.start))
        self._handle(participants.start)

    @property
    def journal(self) -> Journal:
        """The saga instance as it is now."""
        assert self._journal is not None
        return self._journal

    def run(self) -> None:
        """Handles inputs until no answer and no timer is left."""
        for _ in range(MAX_INPUTS):
            if self.raised is not None or not self._step():
                return
        self.raised = TimeoutError(f"no end after {MAX_INPUTS} inputs")

    def retry(self) -> None:
        """Ends all faults, and has an operator retry what is stuck."""
        self.participants.repair()
        self.transcript.add(self._now, "the fault is repaired, and an operator retries")
        self._handle(lambda saga: saga.retry(Operator("an operator")))

    def _step(self) -> bool:
        due = min((at for at, _ in self.timers.values()), default=None)
        if self._answers and (due is None or self._answers[0][0] <= due):
            self._now, _, answer, request = heappop(self._answers)
            self._receive(answer, request)
        elif due is not None:
            self._now = due
            self._fire(next(timer for at, timer in self.timers.values() if at == due))
        else:
            return False
        return True

    def _receive(self, answer: ScriptedAnswer, request: UUID) -> None:
        event = answer.make_event()
        if event is None:
            return
        self.transcript.add(self._now, describe_input(event))
        if answer.crash:
            self.transcript.add(self._now, "  the saga crashes before its commit")
            self._drive(event, request)  # what it records is lost
            self._journal = replay(self._events)
        self._handle(event, request)
        if answer.crash:
            self._journal = replay(self._events)

    def _fire(self, timer: SetTimer) -> None:
        del self.timers[timer.id]
        self.transcript.add(self._now, describe_timer(timer.command))
        self._handle(timer.command)

    def _handle(self, message: Any, request: UUID | None = None) -> None:
        """Handles one input: records the events, sets the timers and issues the commands."""
        driven = self._drive(message, request)
        if driven is None:
            return
        self._journal = driven.journal
        self._events += driven.events
        for change in driven.timers:
            self.timers.pop(change.id, None)
            if isinstance(change, SetTimer):
                delay = change.delay(LONG_AGO + self._now)
                self.timers[change.id] = (self._now + delay, change)
        for event in driven.events:
            for line in describe_effects(event):
                self.transcript.add(self._now, line)
        for each in self._asked(driven):
            for answer in self.participants.answer(each):
                due = self._now + answer.after
                heappush(self._answers, (due, next(self._number), answer, each.command.id))

    def _asked(self, driven: Driven) -> Iterator[Asked]:
        """The commands that were issued, and the decisions that are waited for, in order."""
        for event in driven.events:
            if isinstance(event, Journal.Requested):
                yield event
            elif isinstance(event, Journal.Waiting):
                yield Decision.of(event, driven.journal.key)

    def _drive(self, message: Any, request: UUID | None) -> Driven | None:
        try:
            return drive(self._saga, self._journal, message, self.participants.timings, request)
        except Exception as error:
            self.transcript.add(self._now, f"  the saga raises {error!r}")
            self.raised = error
            return None
