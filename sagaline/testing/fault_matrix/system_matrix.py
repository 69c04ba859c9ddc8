"""Plays the stories of a system of sagas: with faults and crashes, singly and in pairs."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.testing.fault_matrix.dates import without_dates
from sagaline.testing.fault_matrix.matrix import Matrix, report
from sagaline.testing.fault_matrix.one_more import declared_point, with_one_more
from sagaline.testing.fault_matrix.story import Crash, Place, Story, shrunk
from sagaline.testing.fault_matrix.story_run import Ends, Played, StoryRun
from sagaline.testing.simulation.faults import HANDLED_TWICE, Fault, faults_of
from sagaline.testing.simulation.simulated_application import simulated_system
from sagaline.testing.simulation.system_run import Part, SystemRun


class _Plan(NamedTuple):
    """A story to be played, and how it ended without the crash in it."""

    story: Story
    without_crash: Ends | None = None


class SystemMatrix:
    """The stories of one system: `stories` at most, those beyond it left out by chance."""

    def __init__(
        self,
        name: str,
        parts: Sequence[Part],
        unlocked: Collection[type[Saga]],
        stories: int,
        seed: int,
    ) -> None:
        self._name = name
        self._parts = [
            each._replace(timings=without_dates(each.saga, each.timings)) for each in parts
        ]
        self._unlocked = unlocked
        self._stories = stories
        self._random = Random(seed)
        # A crash of the saga alone is one of the crashes of everything.
        self._faults = {
            (saga_declaration(part.saga).name, point): [f for f in each if f is not HANDLED_TWICE]
            for part in self._parts
            for point, each in faults_of(part.saga, part.timings)
        }
        self._seen: set[frozenset[Any]] = set()
        self._cases = self._crashes = self._left_out = 0

    def play(self, starts: Sequence[Any]) -> Matrix:
        """Plays the stories that begin with these events. Raises AssertionError where some fail."""
        sagas = [each.saga for each in self._parts]
        timings = {each.saga: each.timings for each in self._parts}
        system = simulated_system(f"{self._name} simulated", sagas, timings, self._unlocked)
        with closing(SystemRun(system, self._parts)) as opened:
            run = StoryRun(opened)
            plain = self._play(run, [_Plan(Story(starts))], "without any fault")
            one = self._play(run, self._with_one_more(plain), "with one fault")
            self._play(run, _with_a_crash(plain), "with a crash")
            two = (*self._with_one_more(one), *_with_a_crash(one))
            self._play(run, two, "with two faults, or a fault and a crash")
        return Matrix(self._cases, self._crashes, self._left_out)

    def _play(self, run: StoryRun, plans: Iterable[_Plan], what: str) -> list[Played]:
        plans = self._sample(list(plans))
        played = [run.play(*each) for each in plans]
        crashes = sum(each.story.crash is not None for each in plans)
        self._crashes += crashes
        self._cases += len(plans) - crashes
        failed = [each for each in played if each.violations]
        if failed:
            shortest = min(failed, key=lambda each: len(each.transcript))
            least = _play(
                run, shrunk(shortest.story, lambda each: bool(_play(run, each).violations))
            )
            head = f"{self._name}: {len(failed)} of {len(played)} stories {what} failed."
            told = least.story.lines(), least.transcript.lines(), least.violations
            raise report(f"{head} The least that still fails:", *told)
        return played

    def _sample(self, plans: list[_Plan]) -> list[_Plan]:
        """As many of these as may still be played, in their order."""
        room = min(len(plans), max(0, self._stories - self._cases - self._crashes))
        self._left_out += len(plans) - room
        chosen = sorted(self._random.sample(range(len(plans)), room))
        return [plans[each] for each in chosen]

    def _with_one_more(self, stories: Iterable[Played]) -> Iterator[_Plan]:
        """The same stories with one more fault, at each command that was issued in them."""
        for played in stories:
            issued = played.requested
            for faults in with_one_more(played.story.faults, issued, self._possible):
                if frozenset(faults.items()) not in self._seen:
                    self._seen.add(frozenset(faults.items()))
                    yield _Plan(replace(played.story, faults=faults))

    def _possible(self, place: Place) -> Iterable[Fault]:
        return self._faults[place.saga, declared_point(place.point)]


def _with_a_crash(stories: Iterable[Played]) -> Iterator[_Plan]:
    """The same stories with a crash before, and after, each commit."""
    for played in stories:
        for number in range(1, played.commits + 1):
            for before in (True, False):
                crashed = replace(played.story, crash=Crash(number, before))
                yield _Plan(crashed, played.ends)


def _play(run: StoryRun, story: Story) -> Played:
    """Plays a story; with a crash in it, after the same story without."""
    if story.crash is None:
        return run.play(story)
    return run.play(story, run.play(replace(story, crash=None)).ends)
