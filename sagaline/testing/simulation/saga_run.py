"""A saga with simulated participants on a real store, as many instances as there are starts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sagaline.saga.definition import Saga
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.step_timers import Timing
from sagaline.testing.simulation.faults import NOW, ScriptedAnswer
from sagaline.testing.simulation.in_memory_system import Commits, InMemorySystem
from sagaline.testing.simulation.log_reader import LogReader
from sagaline.testing.simulation.script import Casting, Script, ScriptedParticipants
from sagaline.testing.simulation.simulated_application import SimulatedApplication, system_of


class _Later(NamedTuple):
    """Something that a participant will say."""

    at: datetime
    number: int
    key: str
    request: UUID
    cue: ScriptedAnswer


class SagaRun:
    """What the simulated participants of a saga say on its stage, now and later."""

    def __init__(
        self,
        saga: type[Saga],
        participants: Mapping[str, Casting] | None = None,
        script: Script | None = None,
        timings: Mapping[str, Timing] | None = None,
    ) -> None:
        self.script: Script = {} if script is None else script
        """What goes wrong with the commands of the instances that begin from now on."""
        self.casts: dict[UUID, ScriptedParticipants] = {}
        """The participants of each instance, by the id of its journal."""
        self._timings = timings or {}
        self.stage = InMemorySystem(system_of(saga, self._timings))
        self.chronicle = LogReader(self.stage, [saga])
        self._saga = saga
        self._participants = participants or {}
        self._later: list[_Later] = []
        self._number = count()
        (self._app,) = (a for a in self.stage.apps.values() if isinstance(a, SimulatedApplication))
        self._app.take = self._take

    def restart(self, script: Script, commits: Commits) -> None:
        """Begins anew, with nothing left of what was before."""
        self.stage.clear()
        self.stage.commits = commits
        self.script = script
        self.casts.clear()
        self.chronicle = LogReader(self.stage, [self._saga])
        self._later.clear()

    def begin(self, start: Any) -> str:
        """The event is recorded that starts an instance; returns the key of the instance."""
        key = str(self._saga.key_of(start))
        cast = ScriptedParticipants(self._saga, self._participants, self.script, self._timings)
        cast.start, cast.key = start, key
        self.casts.setdefault(journal_id(self._saga.__name__, key), cast)
        self.say(key, start)
        return key

    def say(self, key: str, event: Any) -> None:
        """An event is recorded, for the instance of this key."""
        self._app.say(key, event)
        self.settle()

    def settle(self) -> None:
        """All that can happen without time passing."""
        self.stage.settle()
        self.chronicle.go_on()

    def next_moment(self) -> datetime | None:
        """When something happens next, if time passes."""
        due, later = self.stage.next_due(), self._later[0].at if self._later else None
        return min((each for each in (due, later) if each is not None), default=None)

    def jump(self, moment: datetime) -> None:
        """It is that moment, and what is to happen then does; answers come before time limits."""
        self.stage.now = moment
        while self._later and self._later[0].at <= moment:
            later = heappop(self._later)
            event = later.cue.say()
            if event is not None:
                self._app.say(later.key, event)
        self.settle()

    def run_out(self, limit: int = 1_000) -> None:
        """Lets time pass until nothing more will happen by itself."""
        self.settle()
        for _ in range(limit):
            moment = self.next_moment()
            if moment is None:
                return
            self.jump(moment)
        raise TimeoutError("it goes on and on")

    def journal(self, key: str) -> Journal:
        """An instance of the saga, as its own stream says."""
        found = self.stage.apps[self._saga.__name__].repository.get(
            journal_id(self._saga.__name__, key)
        )
        assert isinstance(found, Journal)
        return found

    def _take(self, request: Journal.Requested) -> Sequence[Any]:
        said: list[Any] = []
        cast = self.casts[request.originator_id]
        self._forget(request)
        for cue in cast.take(request):
            if cue.after <= NOW:
                said.append(cue.say())
            else:
                later = self.stage.now + cue.after, next(self._number)
                heappush(self._later, _Later(*later, cast.key, _id_of(request), cue))
        return [each for each in said if each is not None]

    def _forget(self, request: Journal.Requested) -> None:
        """A command that is given once more after a crash is answered as if for the first time."""
        self._later = [each for each in self._later if each.request != _id_of(request)]
        heapify(self._later)


def _id_of(request: Journal.Requested) -> UUID:
    """One attempt at a command."""
    return uuid5(request.command.id, str(request.attempt))
