"""The read model of all saga instances, for any system: where each is, and what is left."""

from sqlalchemy import Column, Index, MetaData, Table, Text

from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project
from sagaline.read_model.row import Row
from sagaline.saga.instance import Journal
from sagaline.saga.state import Action, Answer, Outcome, Role, State
from sagaline.storage.sql.columns import Moment, Uuid

metadata = MetaData()

saga_list = Table(
    "saga_list",
    metadata,
    Column("saga_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("remaining", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("plan", Text, nullable=False),
    Index("saga_list_state_idx", "state", "started_at"),
    Index("saga_list_key_idx", "key"),
)


class SagaList(ReadModel):
    """One row per saga instance: which are open, where they are, and why they turned round."""

    table = saga_list
    # The one that version 0.1.0 recorded: a new one, where the same events make other rows.
    declared_fingerprint = "0fffa626fa20a525"

    def keys_of(self, event: object, message: object) -> tuple[object, ...]:
        """The instance whose stream the event is in."""
        return (event.originator_id,)  # type: ignore[attr-defined]  # every domain event has one

    @project(Journal.Started, Journal.Begun)
    def started(self, event: Journal.Started | Journal.Begun) -> None:
        """A new instance: nothing is done, all is left."""
        plan = ", ".join(event.plan)
        self.rows[event.originator_id] = {
            "name": event.saga,
            "key": event.key,
            "state": State.RUNNING.value,
            "step": "",
            "remaining": plan,
            "reason": "",
            "started_at": event.timestamp,
            "ended_at": None,
            "plan": plan,
        }

    @project(Journal.Requested)
    def requested(self, event: Journal.Requested) -> None:
        """The instance asked for a step, for an undo, or for the last command before its end."""
        row = self.rows[event.originator_id]
        _heed(row, event.answer)
        row["step"] = event.step
        if event.role is not Role.CLOSE:
            row["remaining"] = _without(row["remaining"], event.step)

    @project(Journal.Skipped)
    def skipped(self, event: Journal.Skipped) -> None:
        """The condition of a step was not met: it will neither be done nor undone."""
        row = self.rows[event.originator_id]
        _heed(row, event.answer)
        row["remaining"] = _without(row["remaining"], event.step)
        row["plan"] = _without(row["plan"], event.step)

    @project(Journal.Noted)
    def noted(self, event: Journal.Noted) -> None:
        """An answer counted that led to nothing by itself, as others are under way."""
        if event.heeded:
            _heed(self.rows[event.originator_id], event.answer)

    @project(Journal.Intervened)
    def intervened(self, event: Journal.Intervened) -> None:
        """A person turned it round."""
        if event.action is Action.CANCEL:
            _turn(self.rows[event.originator_id], event.reason)

    @project(Journal.Refused)
    def refused(self, event: Journal.Refused) -> None:
        """Another instance held a lock."""
        _turn(self.rows[event.originator_id], event.reason)

    @project(Journal.Resumed)
    def resumed(self, event: Journal.Resumed) -> None:
        """A parked instance goes on."""
        row = self.rows[event.originator_id]
        _heed(row, event.answer)
        row["state"] = event.state.value
        row["reason"] = event.reason

    @project(Journal.Parked)
    def parked(self, event: Journal.Parked) -> None:
        """The instance waits for a person."""
        row = self.rows[event.originator_id]
        if row["state"] == State.COMPENSATING.value:
            row["remaining"] = ""  # all was tried; what had no effect was passed by
        row["state"] = State.PARKED.value
        row["ended_at"] = None
        row["step"] = event.step
        row["reason"] = event.reason

    @project(Journal.Ended)
    def ended(self, event: Journal.Ended) -> None:
        """Nothing more will happen."""
        row = self.rows[event.originator_id]
        row["state"] = event.state.value
        row["remaining"] = ""
        row["reason"] = event.reason
        row["ended_at"] = event.timestamp


def _heed(row: Row, answer: Answer | None) -> None:
    """A step that was done before it was asked for is not left to do; a refusal turns it round."""
    if answer is None or answer.undo:
        return
    if answer.outcome is Outcome.DONE:
        if row["state"] == State.RUNNING.value:
            row["remaining"] = _without(row["remaining"], answer.step)
    elif answer.outcome is Outcome.REFUSED or answer.outcome is Outcome.UNKNOWN:
        if row["state"] != State.COMPENSATING.value:
            _turn(row, answer.reason)
        if answer.outcome is Outcome.REFUSED:
            row["remaining"] = _without(row["remaining"], answer.step)


def _turn(row: Row, reason: str) -> None:
    """What was begun is left to be undone, the last first."""
    left = row["remaining"].split(", ")
    begun = [each for each in row["plan"].split(", ") if each not in left]
    row["state"] = State.COMPENSATING.value
    row["reason"] = reason
    row["remaining"] = ", ".join(reversed(begun))


def _without(steps: str, step: str) -> str:
    if step not in steps:
        return steps
    first, _, rest = steps.partition(", ")
    if first == step:
        return rest
    return ", ".join(each for each in steps.split(", ") if each != step)
