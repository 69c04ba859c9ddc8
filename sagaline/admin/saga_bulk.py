"""An operator's act on many saga instances: each is a transaction and an event of its own."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from eventsourcing.persistence import IntegrityError

from sagaline.admin.bulk import Bulk
from sagaline.admin.bulk_result import BulkResult, Undone
from sagaline.admin.saga_lookup import Instance, reason_of, steps_at
from sagaline.admin.saga_pages import open_instances
from sagaline.errors import (
    InterventionFailed,
    InterventionRefused,
    NoLongerSelected,
    SagaUnknown,
    describe_error,
)
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.instance import Journal
from sagaline.saga.interventions import Interventions
from sagaline.saga.items import collapse
from sagaline.saga.state import OPEN_STATES, Action, State
from sagaline.storage import Datastore
from sagaline.storage.tables.saga_definitions import definition_of

STATES: Final = {
    Action.RETRY: (State.PARKED,),
    Action.SKIP: (State.PARKED,),
    Action.CANCEL: (State.RUNNING, State.PARKED),
    Action.ABANDON: OPEN_STATES,
}
"""The states of the instances that a selection for each action is made among."""


class SagaBulk(Bulk[Instance]):
    """One action on the instances that a selection has of a system."""

    noun = "saga"

    def selected(self) -> Iterator[Instance]:
        """The instances that are selected, the oldest of each saga and state first."""
        logs, views = self.runner.apps, self.runner.views
        for process in self.system.processes:
            if self.selection.saga not in (None, process.name):
                continue
            for state in STATES[self.action]:
                pages = open_instances(process, logs, views, state, since=self.selection.since)
                for page in pages:
                    yield from (each for each in page if self._selects(each.journal))

    def store_of(self, one: Instance) -> Datastore:
        """The store that its stream is in."""
        return self.process(one.process.name).datastore

    def count_one(self, one: Instance, result: BulkResult) -> None:
        """Counts an instance, and notes why the action would be refused."""
        steps = self._steps(one.journal)
        result.count(one.process.name, ", ".join(collapse(steps)), one.reason)
        obstacle = incompatibility(one.process.saga, one.journal, self._shape(one.process.name))
        saga = Interventions(one.process.saga, one.journal, one.process.timings, obstacle)
        for step in steps if self.action is Action.SKIP else [""]:
            objection = saga.objection(self.action, step)
            if objection is not None:
                result.refused.append(_undone(one, objection))
                return

    def act_on(self, one: Instance, result: BulkResult) -> None:
        """Acts on an instance, in one transaction."""
        try:
            self.process(one.process.name).intervene(one.key, self._act, run=one.journal.run)
        except (NoLongerSelected, SagaUnknown):
            return
        except (InterventionRefused, InterventionFailed) as error:
            result.refused.append(_undone(one, error.reason))
        except IntegrityError as error:  # a runner was first, each time
            result.refused.append(_undone(one, describe_error(error)))
        else:
            result.done += 1

    def _act(self, saga: Interventions) -> None:
        if not self._selects(saga.journal):
            raise NoLongerSelected(saga=saga.journal.saga, key=saga.journal.key)
        if self.action is Action.RETRY:
            saga.retry(self.by)
        elif self.action is Action.CANCEL:
            saga.cancel(self.by)
        elif self.action is Action.ABANDON:
            saga.abandon(self.by)
        else:
            for step in self._steps(saga.journal):
                saga.skip(step, self.by)

    def _shape(self, saga: str) -> Mapping[str, str] | None:
        """The shape of the definition that has led the instances of a saga so far."""
        if saga not in self._shapes:
            with self.process(saga).datastore.read() as connection:
                known = definition_of(connection, saga)
            self._shapes[saga] = None if known is None else known.shape
        return self._shapes[saga]

    @cached_property
    def _shapes(self) -> dict[str, Mapping[str, str] | None]:
        return {}

    def _selects(self, journal: Journal) -> bool:
        is_open = journal.state in STATES[self.action]
        what = journal.saga, steps_at(journal), reason_of(journal)
        return is_open and self.selection.includes(*what)

    def _steps(self, journal: Journal) -> list[str]:
        """The steps that the selection names, of those that the instance stands at."""
        return [each for each in steps_at(journal) if self.selection.names_step(each)]


def _undone(found: Instance, reason: str) -> Undone:
    return Undone(found.process.name, str(found.journal.id), found.key, reason)
