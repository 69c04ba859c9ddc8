"""Plays one story of a system of sagas, and holds its end against the invariants."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from sagaline.application.saga_process import SagaProcess
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Operator
from sagaline.saga.state import State
from sagaline.testing.fault_matrix.invariants import (
    Allowed,
    allowed_by,
    violations_at_the_end,
    violations_while_parked,
)
from sagaline.testing.fault_matrix.links import Links, links_of, open_to_others
from sagaline.testing.fault_matrix.parents import violations_of_parents
from sagaline.testing.fault_matrix.story import Place, Story
from sagaline.testing.simulation.system_run import SystemRun
from sagaline.testing.simulation.transcript import Transcript

MAX_REPAIRS = 5
"""Repairs after which sagas must not be parked any more: one may hold up its parent."""

Ends = Mapping[tuple[str, str], State]
"""The end of each instance, by its saga and its key."""


@dataclass(frozen=True)
class Played:
    """A story that was played, and what was wrong with it."""

    story: Story
    requested: frozenset[tuple[Place, int]]
    """Each command that was issued, with the number of the attempt."""
    commits: int
    ends: Ends
    violations: list[str]
    transcript: Transcript


class StoryRun:
    """Plays stories of one system, one after another."""

    def __init__(self, run: SystemRun) -> None:
        self._run = run
        declarations = [saga_declaration(each.saga) for each in run.parts.values()]
        self._links: Links = links_of(declarations)
        self._shared = frozenset(event for each in declarations for event in each.of_others)

    def play(self, story: Story, without_crash: Ends | None = None) -> Played:
        """Plays a story to its end. With a crash in it, all must end as it did without."""
        run = self._run
        run.restart(story.script_of, story.commits())
        for each in story.starts:
            run.give(each)
        violations: list[str] = []
        try:
            run.run()
            violations += self._while_parked(story)
        except TimeoutError as error:
            violations.append(str(error))
        journals = self._journals()
        violations += self._at_the_end(story, journals)
        ends = {(each.saga, each.key): each.state for each in journals}
        violations += _changed(ends, without_crash)
        requested = {
            (Place(each.saga, each.key, point), attempt)
            for each in journals
            for point, attempt in run.participants_for(each.saga, each.id).requested
        }
        commits, transcript = run.commits.count, run.log.transcript
        return Played(story, frozenset(requested), commits, ends, violations, transcript)

    def _while_parked(self, story: Story) -> Iterator[str]:
        """Repairs what is parked, which may hold up others; yields what is wrong before."""
        for _ in range(MAX_REPAIRS):
            journals = self._journals()
            parked = [each for each in journals if each.state is State.PARKED]
            if not parked:
                return
            allowed = self._allowed(story, journals)
            for journal in parked:
                participants = self._run.participants_for(journal.saga, journal.id)
                found = violations_while_parked(participants, journal, allowed[journal.id])
                yield from _named(journal, found)
            self._repair(parked)

    def _at_the_end(self, story: Story, journals: list[Journal]) -> Iterator[str]:
        allowed = self._allowed(story, journals)
        for journal in journals:
            participants = self._run.participants_for(journal.saga, journal.id)
            saga = self._run.parts[journal.saga].saga
            found = violations_at_the_end(saga, participants, journal, allowed[journal.id])
            yield from _named(journal, found)
        yield from violations_of_parents(self._run, journals)
        yield from self._left_over()

    def _left_over(self) -> Iterator[str]:
        run = self._run
        yield from (f"a timer is left over: {each.id}" for each in run.timers())
        yield from (f"a lock is left over: {each.name}" for each in run.lock_requests())
        yield from (f"{each.follower} fails: {each.error}" for each in run.dead_letters())

    def _repair(self, parked: list[Journal]) -> None:
        """Ends all faults, and has an operator retry what is stuck."""
        self._run.script_of = lambda *_: {}
        for each in self._run.participants.values():
            each.repair()
        for journal in parked:
            process = self._run.apps[journal.saga]
            assert isinstance(process, SagaProcess)
            process.intervene(journal.key, lambda saga: saga.retry(Operator("an operator")))
        self._run.run()

    def _journals(self) -> list[Journal]:
        """The instances that were started, in their order, as they are now."""
        found: dict[UUID, str] = {}
        for event in self._run.log.events:
            if isinstance(event, Journal.Started | Journal.Begun):
                found[event.originator_id] = event.saga
        return [self._run.journal(saga, id) for id, saga in found.items()]

    def _allowed(self, story: Story, journals: list[Journal]) -> dict[UUID, Allowed]:
        """What each instance may do because of its faults, and of those of linked ones."""
        own = {
            each.id: allowed_by(
                self._run.parts[each.saga].saga,
                self._run.parts[each.saga].timings,
                story.script_of(each.saga, each.key),
            )
            for each in journals
        }
        return {each.id: self._with_linked(each, own, journals) for each in journals}

    def _with_linked(
        self, journal: Journal, own: Mapping[UUID, Allowed], journals: list[Journal]
    ) -> Allowed:
        allowed, linked = own[journal.id], self._links[journal.saga]
        declaration = saga_declaration(self._run.parts[journal.saga].saga)
        if declaration.locks is not None and not declaration.locks.wait:
            allowed = allowed._replace(compensate=True)
        if not linked:
            return allowed
        names = {*declaration.steps, *journal.steps}
        open_ = open_to_others(declaration, names, self._shared)
        allowed = allowed._replace(by_others=open_)
        others = [own[each.id] for each in journals if each.saga in linked]
        if not any(each.compensate for each in others):
            return allowed
        return Allowed(True, allowed.park | open_, allowed.fail | open_, open_)


def _named(journal: Journal, violations: Iterator[str]) -> Iterator[str]:
    return (f"{journal.saga} {journal.key}: {each}" for each in violations)


def _changed(ends: Ends, without_crash: Ends | None) -> Iterator[str]:
    """The instances that would have ended otherwise without the crash."""
    for (saga, key), state in (without_crash or ends).items():
        found = ends.get((saga, key))
        if found is not state:
            now = "not started" if found is None else found.value
            yield f"{saga} {key}: it is {now}, and would be {state.value} without the crash"
