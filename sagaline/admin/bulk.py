"""An operator's act on many at once: counted first, recorded once, and done one by one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

from sagaline.admin.bulk_result import BulkResult, Progress
from sagaline.admin.selection import Selection
from sagaline.application.saga_process import SagaProcess
from sagaline.runner.clock import StoreClock
from sagaline.runner.runner import Runner
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.audit import Intervention, add_intervention
from sagaline.system.system import System

T = TypeVar("T")


class Bulk(ABC, Generic[T]):
    """One action on what a selection has of a system."""

    noun: ClassVar[str]

    def __init__(
        self, system: System, runner: Runner, action: Action, selection: Selection, by: Operator
    ) -> None:
        selection.check(system)
        self.system = system
        self.runner = runner
        self.action = action
        self.selection = selection
        self.by = by

    @abstractmethod
    def selected(self) -> Iterator[T]:
        """What is selected, read page by page."""

    @abstractmethod
    def store_of(self, one: T) -> Datastore:
        """The store that one is in."""

    @abstractmethod
    def count_one(self, one: T, result: BulkResult) -> None:
        """Counts one, and notes it as refused where the action cannot be done to it."""

    @abstractmethod
    def act_on(self, one: T, result: BulkResult) -> None:
        """Does the action to one, or notes why not."""

    def count(self, dry_run: bool = True) -> BulkResult:
        """Counts what is selected, and what would be refused."""
        return self._counted(dry_run)[0]

    def perform(self, progress: Progress) -> BulkResult:
        """Acts on each that is selected; one that cannot be done stops no other."""
        result, store = self._counted(dry_run=False)
        result.done, result.refused = 0, []
        if store is not None:
            self._record(store, result.selected)
        for number, each in enumerate(self.selected(), 1):
            self.act_on(each, result)
            progress(number, max(number, result.selected))
        return result

    def process(self, name: str) -> SagaProcess:
        """The process application of a saga."""
        process = self.runner.apps[name]
        assert isinstance(process, SagaProcess)
        return process

    def _counted(self, dry_run: bool) -> tuple[BulkResult, Datastore | None]:
        """The counts, and the store of the first that is selected."""
        result, store = BulkResult(self.action.value, str(self.selection), dry_run), None
        for each in self.selected():
            store = store or self.store_of(each)
            self.count_one(each, result)
        result.done = result.selected - len(result.refused)
        return result, store

    def _record(self, store: Datastore, count: int) -> None:
        """Writes one row of the audit table before the act, so that none is without a record."""
        about = f"{count:,} {self.noun}{'s' * (count > 1)}: {self.selection}"
        at, by = StoreClock(store)(), self.by
        row = Intervention(at, by.name, self.action.value, about, None, by.reason)
        with store.write() as connection:
            add_intervention(connection, row)
