"""A saga on a real store, where everything crashes before and behind each commit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sagaline.saga.definition import Saga
from sagaline.saga.step_timers import Timing
from sagaline.testing.fault_matrix.invariants import excuses, wrong_at_the_end
from sagaline.testing.simulation.in_memory_system import Commits
from sagaline.testing.simulation.saga_run import SagaRun
from sagaline.testing.simulation.script import Casting, Script
from sagaline.testing.simulation.transcript import Transcript


@dataclass(frozen=True)
class Crash:
    """One run with a crash in it, and what was wrong with it."""

    script: Script
    where: str
    wrong: list[str]
    story: Transcript


def crashed(
    saga: type[Saga],
    start: Any,
    participants: Mapping[str, Casting],
    timings: Mapping[str, Timing],
    scripts: Sequence[Script],
) -> Iterator[Crash]:
    """Each script, played twice for each of its commits: with a crash before it, and behind it.

    A crash must leave no trace: not even in what the saga has recorded.
    """
    performance = SagaRun(saga, participants, timings=timings)
    with closing(performance.stage):
        for script in scripts:
            commits = Commits()
            calm = _played(saga, performance, start, script, commits, "without a crash")
            yield calm
            for number in range(1, commits.count + 1):
                for before in (True, False):
                    crash = Commits(number, before=before)
                    where = f"everything crashes {'before' if before else 'behind'} commit {number}"
                    played = _played(saga, performance, start, script, crash, where)
                    if list(played.story.lines()) != list(calm.story.lines()):
                        played.wrong.append(
                            "without the crash the saga would have recorded something else"
                        )
                    yield played


def _played(
    saga: type[Saga],
    performance: SagaRun,
    start: Any,
    script: Script,
    commits: Commits,
    where: str,
) -> Crash:
    performance.restart(script, commits)
    key = performance.begin(start)
    performance.run_out()
    journal = performance.journal(key)
    cast = performance.casts[journal.id]
    wrong = list(wrong_at_the_end(saga, cast, journal, excuses(saga, cast.timings, script)))
    wrong += [f"a timer is left over: {each.id}" for each in performance.stage.timers()]
    wrong += [f"a lock is left over: {each.name}" for each in performance.stage.claims()]
    wrong += [f"{each.follower} fails: {each.error}" for each in performance.stage.letters()]
    return Crash(script, where, wrong, performance.chronicle.story)
