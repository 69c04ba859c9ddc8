"""Everything that can go wrong with a saga, one at a time and two at a time, played through."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagaline.saga.definition import Saga
from sagaline.saga.state import Role, State
from sagaline.saga.step_timers import Timing
from sagaline.testing.fault_matrix.crashes import crashed
from sagaline.testing.fault_matrix.invariants import (
    Excuses,
    excuses,
    wrong_at_the_end,
    wrong_while_parked,
)
from sagaline.testing.given.aggregates import Happened
from sagaline.testing.given.example_values import sealed
from sagaline.testing.simulation.engine_run import EngineRun
from sagaline.testing.simulation.faults import DOWN, LATE, REFUSED, FaultPoint, faults_of
from sagaline.testing.simulation.script import Casting, Script, ScriptedParticipants
from sagaline.testing.simulation.simulated_application import system_of
from sagaline.testing.simulation.transcript import Transcript

Case = dict[FaultPoint, Any]
"""What goes wrong, and where: with the first attempt, with the second, and so on."""


@dataclass(frozen=True)
class Matrix:
    """How much was played through."""

    cases: int
    """With no fault, with one, and with two; on the way back of everything, with two undos."""
    crashes: int
    """Commits before and behind which the whole system crashed."""


def fault_matrix(
    saga: type[Saga],
    *,
    start: Any = None,
    participants: Mapping[str, Casting] | None = None,
    timings: Mapping[str, Timing] | None = None,
) -> Matrix:
    """Plays a saga through every fault, and every pair of faults, that its declaration allows for.

    Each case must come to an allowed end, with no effect doubled and none left over: completed or
    compensated, or parked where something is broken for good; and once that is mended and a
    person asks again, completed or compensated. Every command may be refused, fault, or be
    pending; its answer may be late, come twice, or after the others; the saga and its participants
    may crash before and after each commit, which is played on a real store.

    `start` is the event that the saga starts on, or several of them, where conditions depend on
    it; without it one is made up. `participants` are other than honest ones by the name of their
    step: subclasses of `SimulatedParticipant`. `timings` are those that a system gives the saga in
    place of the declared ones, as `System` takes them. Raises AssertionError with the shortest
    story of a case that goes wrong.
    """
    starts = [_start(saga, each) for each in _several(start)]
    return _Cases(saga, starts, participants or {}, timings or {}).play()


class _Cases:
    """The cases of one saga, by the number of their faults."""

    def __init__(
        self,
        saga: type[Saga],
        starts: Sequence[Any],
        participants: Mapping[str, Casting],
        timings: Mapping[str, Timing],
    ) -> None:
        system_of(saga, timings)  # refuses timings of steps that there are not
        self._saga = saga
        self._timings = timings
        self._starts = starts
        self._participants = participants
        self._faults = dict(faults_of(saga, timings))
        self._seen: set[frozenset[Any]] = set()
        self._cases = 0

    def play(self) -> Matrix:
        """Plays all of them. Raises AssertionError where some go wrong."""
        one = self._play([{}], "without any fault")
        two = self._play(self._more(one), "with one fault")
        three = self._play(self._more(two), "with two faults")
        self._play(list(self._undos(three)), "with two faults on the way back")
        return Matrix(self._cases, self._crash())

    def _play(self, cases: Iterable[Case], what: str) -> "list[_Played]":
        """Plays these cases. Raises AssertionError where some of them go wrong."""
        played = [
            _Played(
                self._saga,
                start,
                ScriptedParticipants(self._saga, self._participants, case, self._timings),
            )
            for case in cases
            for start in self._starts
        ]
        self._cases += len(played)
        failed = [each for each in played if each.wrong]
        if failed:
            shortest = min(failed, key=lambda each: len(each.story))
            lines = _faults(shortest.case), shortest.story, shortest.wrong
            what = f"{len(failed)} of {len(played)} cases {what} went"
            raise AssertionError(_told(f"{self._saga.__name__}: {what}", *lines))
        return played

    def _crash(self) -> int:
        """On a store: the way forward, the whole way back, and a time limit that runs out."""
        scripts = [{}, self._last_turn(), self._last_time_out()]
        different = [each for i, each in enumerate(scripts) if each not in scripts[:i]]
        played = [
            crash
            for start in self._starts
            for crash in crashed(self._saga, start, self._participants, self._timings, different)
        ]
        failed = [each for each in played if each.wrong]
        if failed:
            first = min(failed, key=lambda each: len(each.story))
            lines = [*_faults(first.script), first.where], first.story, first.wrong
            what = f"{len(failed)} of {len(played)} cases with a crash went"
            raise AssertionError(_told(f"{self._saga.__name__}: {what}", *lines))
        return len(played)

    def _more(self, played: "Iterable[_Played]") -> Iterator[Case]:
        """The same cases with one fault more, at each command that was given in them."""
        for each in played:
            yield from self._longer(each)

    def _longer(self, played: "_Played") -> Iterator[Case]:
        for place, attempt in sorted(played.asked, key=str):
            before = played.case.get(place, ())
            if attempt != len(before) + 1 or (before and before[-1].lasting):
                continue
            for fault in self._faults[place]:
                case = {**played.case, place: (*before, fault)}
                key = frozenset(case.items())
                if key not in self._seen:
                    self._seen.add(key)
                    yield case

    def _undos(self, played: "Iterable[_Played]") -> Iterator[Case]:
        """Where everything is to be undone: two faults on the way back."""
        turn = self._last_turn()
        for each in played:
            undone = [place for place in each.case if place.role is not Role.DO]
            if len(undone) == 1 and turn.items() <= each.case.items():
                for case in self._longer(each):
                    if all(place in turn or place.role is not Role.DO for place in case):
                        yield case

    def _last_turn(self) -> Case:
        """What turns the saga round as late as can be."""
        for name, step in reversed(list(self._saga.steps.items())):
            place = FaultPoint(name, Role.DO)
            if REFUSED in self._faults[place]:
                return {place: (REFUSED,)}
            if step.undoing is not None:
                return {place: (DOWN,)}
        return {}

    def _last_time_out(self) -> Case:
        """An answer that comes too late, as late as can be."""
        for name in reversed(list(self._saga.steps)):
            place = FaultPoint(name, Role.DO)
            if LATE in self._faults[place]:
                return {place: (LATE,)}
        return {}


class _Played:
    """One case, played to its end: which commands were given in it, and what was wrong."""

    def __init__(self, saga: type[Saga], start: Any, cast: ScriptedParticipants) -> None:
        self.case: Case = dict(cast.script)
        excused = excuses(saga, cast.timings, cast.script)
        play = EngineRun(saga, start, cast)
        play.run()
        self.asked = frozenset(cast.asked)
        self.wrong = list(_wrong(saga, play, excused))
        # Of the thousands that went well nobody wants to hear.
        self.story = play.story if self.wrong else Transcript()


def _wrong(saga: type[Saga], play: EngineRun, excused: Excuses) -> Iterator[str]:
    if play.raised is None and play.journal.state is State.PARKED:
        yield from wrong_while_parked(play.cast, play.journal, excused)
        play.retry()
        play.run()
    if play.raised is not None:
        yield f"it ends with an error: {play.raised!r}"
        return
    yield from wrong_at_the_end(saga, play.cast, play.journal, excused)
    for due, timer in play.timers.values():
        yield f"a timer is left over: {timer.id}, due at {due}"


def _faults(script: Script) -> list[str]:
    return [f"{place} {fault.words}" for place, found in script.items() for fault in found]


def _told(what: str, faults: Sequence[str], story: Transcript, wrong: Sequence[str]) -> str:
    """What a person reads about a case that goes wrong."""
    parts = {
        f"{what} wrong. The shortest of them:": faults or ["nothing is in the way"],
        "What happens:": list(story.lines()),
        "What is wrong:": wrong,
    }
    return "\n\n".join(
        "\n".join([head, *(f"  {each}" for each in body)]) for head, body in parts.items()
    )


def _start(saga: type[Saga], start: Any) -> Any:
    """An event that the saga starts on: as it is given, or told, or made up."""
    told = Happened(saga.starts_on, {}) if start is None else start
    return sealed(told) if isinstance(told, Happened) else told


def _several(start: Any) -> Sequence[Any]:
    return start if isinstance(start, list | tuple) else [start]


__all__ = ["Matrix", "fault_matrix"]
