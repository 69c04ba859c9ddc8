"""Runs a saga with every fault, and every pair of faults, that its definition allows for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.state import Role, State
from sagaline.saga.step_timers import Timing
from sagaline.testing.fault_matrix.crashes import CrashRun, run_with_crashes
from sagaline.testing.fault_matrix.invariants import (
    Allowed,
    allowed_by,
    violations_at_the_end,
    violations_while_parked,
)
from sagaline.testing.fault_matrix.matrix import Matrix, report
from sagaline.testing.fault_matrix.one_more import Faults, declared_point, with_one_more
from sagaline.testing.simulation.engine_run import EngineRun
from sagaline.testing.simulation.faults import DOWN, LATE, REFUSED, Fault, faults_of
from sagaline.testing.simulation.script import (
    ParticipantFactory,
    ScriptedParticipants,
    describe_script,
)
from sagaline.testing.simulation.scripted_attempt import FaultPoint
from sagaline.testing.simulation.simulated_application import system_of
from sagaline.testing.simulation.transcript import Transcript

Case = Faults[FaultPoint]


class SagaMatrix:
    """The cases of one saga, by the number of their faults."""

    def __init__(
        self,
        saga: type[Saga],
        starts: Sequence[Any],
        participants: Mapping[str, ParticipantFactory],
        timings: Mapping[str, Timing],
    ) -> None:
        system_of(saga, timings)  # refuses timings of unknown steps
        self._saga = saga
        self._timings = timings
        self._starts = starts
        self._participants = participants
        self._faults = dict(faults_of(saga, timings))
        self._seen: set[frozenset[Any]] = set()
        self._count = 0

    def run(self) -> Matrix:
        """Runs all cases. Raises AssertionError where some fail."""
        none = self._run([{}], "without any fault")
        one = self._run(self._with_one_more(none), "with one fault")
        two = self._run(self._with_one_more(one), "with two faults")
        self._run(list(self._with_two_undos(two)), "with two faults of undos")
        return Matrix(self._count, self._run_crashes())

    def _run(self, cases: Iterable[Case], what: str) -> "list[_CaseRun]":
        runs = [
            _CaseRun(
                self._saga,
                ScriptedParticipants(self._saga, start, self._participants, case, self._timings),
            )
            for case in cases
            for start in self._starts
        ]
        self._count += len(runs)
        self._must_pass(runs, f"{len(runs)} cases {what}")
        return runs

    def _run_crashes(self) -> int:
        """Runs on a store: without faults, with all steps undone, and with a time limit reached."""
        scripts = [{}, self._last_refusal(), self._last_timeout()]
        different = [each for i, each in enumerate(scripts) if each not in scripts[:i]]
        runs = [
            run
            for start in self._starts
            for run in run_with_crashes(
                self._saga, start, self._participants, self._timings, different
            )
        ]
        self._must_pass(runs, f"{len(runs)} cases with a crash")
        return len(runs)

    def _must_pass(self, runs: "Sequence[_CaseRun | CrashRun]", what: str) -> None:
        failed = [each for each in runs if each.violations]
        if not failed:
            return
        first = min(failed, key=lambda each: len(each.transcript))
        head = f"{self._saga.__name__}: {len(failed)} of {what} failed. The shortest of them:"
        raise report(head, first.faults or ["no fault"], first.transcript.lines(), first.violations)

    def _with_one_more(self, runs: "Iterable[_CaseRun]") -> Iterator[Case]:
        """The same cases with one more fault, at each command that was issued in them."""
        for run in runs:
            for case in with_one_more(run.case, run.requested, self._possible):
                key = frozenset(case.items())
                if key not in self._seen:
                    self._seen.add(key)
                    yield case

    def _possible(self, point: FaultPoint) -> Iterable[Fault]:
        return self._faults[declared_point(point)]

    def _with_two_undos(self, runs: "Iterable[_CaseRun]") -> Iterator[Case]:
        """Where all steps are undone: two faults of undos or closing commands."""
        refusal = self._last_refusal()
        for run in runs:
            undone = [point for point in run.case if point.role is not Role.DO]
            if len(undone) == 1 and refusal.items() <= run.case.items():
                for case in self._with_one_more([run]):
                    if all(point in refusal or point.role is not Role.DO for point in case):
                        yield case

    def _last_refusal(self) -> Case:
        """The fault that makes the saga compensate as late as possible."""
        declaration = saga_declaration(self._saga)
        for name, step in reversed(list(declaration.steps.items())):
            point = FaultPoint(name, Role.DO)
            if step.fan_out is not None or step.optional or declaration.stands_in(step):
                continue  # the saga may go on without it
            if REFUSED in self._faults[point]:
                return {point: (REFUSED,)}
            if step.undoing is not None and not step.is_forward_only:
                return {point: (DOWN,)}
        return {}

    def _last_timeout(self) -> Case:
        """The answer after its time limit that is as late in the saga as possible."""
        for name in reversed(list(saga_declaration(self._saga).steps)):
            point = FaultPoint(name, Role.DO)
            if LATE in self._faults[point]:
                return {point: (LATE,)}
        return {}


class _CaseRun:
    """One case, run to its end: the commands issued in it, and the violated invariants."""

    def __init__(self, saga: type[Saga], participants: ScriptedParticipants) -> None:
        self.case: Case = {each: tuple(faults) for each, faults in participants.script.items()}
        allowed = allowed_by(saga, participants.timings, participants.script)
        run = EngineRun(saga, participants)
        run.run()
        self.faults = describe_script(self.case)
        self.requested = frozenset(participants.requested)
        self.violations = list(_violations(saga, run, allowed))
        # Thousands of cases pass: their transcripts are dropped.
        self.transcript = run.transcript if self.violations else Transcript()


def _violations(saga: type[Saga], run: EngineRun, allowed: Allowed) -> Iterator[str]:
    if run.raised is None and run.journal.state is State.PARKED:
        yield from violations_while_parked(run.participants, run.journal, allowed)
        run.retry()
        run.run()
    if run.raised is not None:
        yield f"the run ends with an error: {run.raised!r}"
        return
    yield from violations_at_the_end(saga, run.participants, run.journal, allowed)
    for due, timer in run.timers.values():
        yield f"a timer is left over: {timer.id}, due at {due}"
