"""Runs a saga on a store, and crashes everything before and after each commit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.instance import journal_id
from sagaline.saga.step_timers import Timing
from sagaline.testing.fault_matrix.invariants import allowed_by, violations_at_the_end
from sagaline.testing.simulation.commits import Commits
from sagaline.testing.simulation.saga_run import SagaRun
from sagaline.testing.simulation.script import ParticipantFactory, Script, describe_script
from sagaline.testing.simulation.transcript import Transcript


@dataclass(frozen=True)
class CrashRun:
    """One run with a crash, and the invariants that it violated."""

    faults: list[str]
    """The faults of the script, and where the crash is."""
    violations: list[str]
    transcript: Transcript


def run_with_crashes(
    saga: type[Saga],
    start: Any,
    participants: Mapping[str, ParticipantFactory],
    timings: Mapping[str, Timing],
    scripts: Sequence[Script],
) -> Iterator[CrashRun]:
    """Runs each script without a crash, then with a crash before and after each of its commits.

    The saga must record the same events with and without the crash.
    """
    with closing(SagaRun(saga, participants, timings=timings)) as run:
        for script in scripts:
            commits = Commits()
            plain = _run(saga, run, start, script, commits, "without a crash")
            yield plain
            for number in range(1, commits.count + 1):
                for before in (True, False):
                    crash = f"everything crashes {'before' if before else 'after'} commit {number}"
                    at = Commits(number, before=before)
                    crashed = _run(saga, run, start, script, at, crash)
                    if list(crashed.transcript.lines()) != list(plain.transcript.lines()):
                        crashed.violations.append(
                            "without the crash the saga would have recorded other events"
                        )
                    yield crashed


def _run(
    saga: type[Saga], run: SagaRun, start: Any, script: Script, commits: Commits, crash: str
) -> CrashRun:
    run.restart(lambda *_: script, commits)
    key, name = run.start(start), saga_declaration(saga).name
    run.run()
    journal = run.journal(name, journal_id(name, key))
    participants = run.participants_for(name, journal.id)
    allowed = allowed_by(saga, participants.timings, script)
    violations = list(violations_at_the_end(saga, participants, journal, allowed))
    violations += [f"a timer is left over: {each.id}" for each in run.timers()]
    violations += [f"a lock is left over: {each.name}" for each in run.lock_requests()]
    violations += [f"{each.follower} fails: {each.error}" for each in run.dead_letters()]
    return CrashRun([*describe_script(script), crash], violations, run.log.transcript)
