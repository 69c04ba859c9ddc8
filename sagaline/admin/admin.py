"""What operators do to many sagas, or many dead letters, at once."""

from types import TracebackType
from typing import Any, Self

from eventsourcing.utils import EnvType

from sagaline.admin.bulk import Bulk
from sagaline.admin.bulk_result import BulkResult, Progress, ignore_progress
from sagaline.admin.letter_bulk import LetterBulk
from sagaline.admin.saga_bulk import SagaBulk
from sagaline.admin.selection import Selection
from sagaline.messaging.declaring import refuse_given
from sagaline.runner.runner import Runner
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action
from sagaline.system.system import System

_BULKS: dict[Action, type[Bulk[Any]]] = {
    Action.RETRY: SagaBulk,
    Action.SKIP: SagaBulk,
    Action.CANCEL: SagaBulk,
    Action.ABANDON: SagaBulk,
    Action.RETRY_LETTER: LetterBulk,
    Action.DISCARD_LETTER: LetterBulk,
}


class Admin:
    """Acts on many at once: ``with Admin(system, env, by="Eve") as admin: admin.retry(...)``.

    It opens the stores as a runner does, and runs nothing: runners may be active meanwhile. Each
    saga is a transaction, with an event in its own stream that has the operator's name and the
    reason; the act on all of them is one row of the audit table. With `dry_run` nothing is done.
    `progress` is called with the number handled so far and the number selected.

    Raises WrongCall and NameUnknown for a selection that cannot be meant.
    """

    def __init__(
        self,
        system: System,
        env: EnvType | None = None,
        *,
        by: str,
        progress: Progress = ignore_progress,
    ) -> None:
        self._system = system
        self._by = by
        self._progress = progress
        self._runner = Runner(system, env)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the stores."""
        self._runner.stop()

    def act(
        self, action: Action, selection: Selection, reason: str = "", *, dry_run: bool = False
    ) -> BulkResult:
        """Do one action of an operator to all that is selected."""
        given: object = selection
        if not isinstance(given, Selection):
            refuse_given(given, "Admin", "Give a Selection(saga='BookTrip').")
        operator = Operator(self._by, reason)
        bulk = _BULKS[action](self._system, self._runner, action, selection, operator)
        return bulk.count() if dry_run else bulk.perform(self._progress)

    def retry(self, selection: Selection, reason: str = "", *, dry_run: bool = False) -> BulkResult:
        """Issue the commands of parked sagas again."""
        return self.act(Action.RETRY, selection, reason, dry_run=dry_run)

    def skip(self, selection: Selection, reason: str, *, dry_run: bool = False) -> BulkResult:
        """Mark the stuck steps, or undos, of parked sagas as done by hand."""
        return self.act(Action.SKIP, selection, reason, dry_run=dry_run)

    def cancel(
        self, selection: Selection, reason: str = "", *, dry_run: bool = False
    ) -> BulkResult:
        """Compensate sagas that have not reached their pivots."""
        return self.act(Action.CANCEL, selection, reason, dry_run=dry_run)

    def abandon(self, selection: Selection, reason: str, *, dry_run: bool = False) -> BulkResult:
        """Close open sagas in their present states."""
        return self.act(Action.ABANDON, selection, reason, dry_run=dry_run)

    def retry_letters(
        self, selection: Selection, reason: str = "", *, dry_run: bool = False
    ) -> BulkResult:
        """Process dead letters again, each with those of its key, in the order of the log."""
        return self.act(Action.RETRY_LETTER, selection, reason, dry_run=dry_run)

    def discard_letters(
        self, selection: Selection, reason: str, *, dry_run: bool = False
    ) -> BulkResult:
        """Delete dead letters: they are never processed."""
        return self.act(Action.DISCARD_LETTER, selection, reason, dry_run=dry_run)
