"""One run of one saga instance on the engine alone: no store, and a clock that jumps."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from eventsourcing.application import project_aggregate

from sagaline.messaging.timers import SetTimer
from sagaline.saga.definition import Saga
from sagaline.saga.engine import SagaEngine
from sagaline.saga.history import describe_effects, describe_input, describe_timer
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions, Operator
from sagaline.saga.timers import StepTimedOut
from sagaline.testing.simulation.faults import NOW, ScriptedAnswer
from sagaline.testing.simulation.script import ScriptedParticipants
from sagaline.testing.simulation.transcript import Transcript

TOO_LONG = 1_000
"""Inputs after which a saga counts as never coming to an end."""

Take = Callable[[Interventions], None]


class EngineRun:
    """A saga and its simulated participants, led by the code that leads it in production.

    What happens at one moment happens in the order of asking; an answer comes before the end of
    its time limit, as in a log.
    """

    def __init__(self, saga: type[Saga], start: Any, cast: ScriptedParticipants) -> None:
        self.cast = cast
        self.story = Transcript()
        self.timers: dict[str, tuple[timedelta, SetTimer]] = {}
        """The timers that are pending, with the moment when each is due."""
        self.raised: Exception | None = None
        self._saga = saga
        self._now = NOW
        self._agenda: list[tuple[timedelta, int, ScriptedAnswer]] = []
        self._number = count()
        self._events: list[Any] = []
        cast.start = start
        self._journal = Journal.start(
            saga.__name__, str(saga.key_of(start)), start, saga.fingerprint(), saga.steps
        )
        self.story.tell(NOW, describe_input(start))
        self._take(SagaEngine.start)

    @property
    def journal(self) -> Journal:
        """The saga instance as it is now."""
        return self._journal

    def run(self) -> None:
        """Goes on until nothing more will happen by itself."""
        for _ in range(TOO_LONG):
            if self.raised is not None or not self._step():
                return
        self.raised = TimeoutError(f"it goes on and on: {TOO_LONG} inputs")

    def retry(self) -> None:
        """A person has mended what was broken, and asks for all that is stuck once more."""
        self.cast.mend()
        self.story.tell(self._now, "somebody has mended it, and a person asks again")
        self._take(lambda course: course.retry(Operator("a person")))

    def _step(self) -> bool:
        due = min((at for at, _ in self.timers.values()), default=None)
        if self._agenda and (due is None or self._agenda[0][0] <= due):
            self._now, _, cue = heappop(self._agenda)
            self._hear(cue)
        elif due is not None:
            self._now = due
            self._fire(next(t for at, t in self.timers.values() if at == due))
        else:
            return False
        return True

    def _hear(self, cue: ScriptedAnswer) -> None:
        event = cue.say()
        if event is None:
            return
        self.story.tell(self._now, describe_input(event))
        if cue.crash:
            self.story.tell(self._now, "  the saga crashes before that is written down")
            self._try(
                lambda: Interventions(
                    self._saga, self._replayed(), self.cast.timings
                ).handle_answer(event)
            )
            self._journal = self._replayed()
        self._take(lambda course: course.handle_answer(event))
        if cue.crash:
            self._journal = self._replayed()

    def _fire(self, timer: SetTimer) -> None:
        del self.timers[timer.id]
        command: Any = timer.command
        self.story.tell(self._now, describe_timer(command))
        if isinstance(command, StepTimedOut):
            self._take(lambda course: course.handle_timeout(command.step))
        else:
            self._take(lambda course: course.handle_pause_end(command.step))

    def _take(self, take: Take) -> None:
        """One input: what the saga records, which timers it sets, and which commands it gives."""
        course = Interventions(self._saga, self._journal, self.cast.timings)
        self._try(lambda: take(course))
        events = self._journal.collect_events()
        self._events += events
        for change in course.timers:
            self.timers.pop(change.id, None)
            if isinstance(change, SetTimer):
                self.timers[change.id] = (self._now + change.after, change)
        for event in events:
            for line in describe_effects(event):
                self.story.tell(self._now, line)
            if isinstance(event, Journal.Requested):
                self._give(self.cast.take(event))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self.story.tell(self._now, f"  the saga raises {error!r}")
            self.raised = error

    def _give(self, cues: Sequence[ScriptedAnswer]) -> None:
        for cue in cues:
            heappush(self._agenda, (self._now + cue.after, next(self._number), cue))

    def _replayed(self) -> Journal:
        journal: Any = project_aggregate(None, self._events)
        assert isinstance(journal, Journal)
        return journal
