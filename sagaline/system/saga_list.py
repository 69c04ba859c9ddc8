"""The read model of all saga instances of any system: the state and the steps left of each."""

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
    """One row per saga instance: its state, its current step, and why it compensates."""

    table = saga_list
    # Recorded by version 0.1.0. Change it when the same events give other rows.
    declared_fingerprint = "0fffa626fa20a525"

    def keys_of(self, event: object, message: object) -> tuple[object, ...]:
        """The instance whose stream the event is in."""
        return (event.originator_id,)  # type: ignore[attr-defined]  # every domain event has one

    @project(Journal.Started, Journal.Begun)
    def started(self, event: Journal.Started | Journal.Begun) -> None:
        """Adds an instance with no step started."""
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
        """The instance issued the command of a step, of an undo, or the last one before its end."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        if event.role is not Role.REMIND:
            row["step"] = event.step
        if event.role is not Role.CLOSE:
            row["remaining"] = _without(row["remaining"], event.step)

    @project(Journal.Waiting)
    def waiting(self, event: Journal.Waiting) -> None:
        """A step without a command was started: it waits for an event from outside."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        row["step"] = event.step
        row["remaining"] = _without(row["remaining"], event.step)

    @project(Journal.Skipped)
    def skipped(self, event: Journal.Skipped) -> None:
        """The condition of a step was not met: it is neither done nor undone."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        row["remaining"] = _without(row["remaining"], event.step)
        row["plan"] = _without(row["plan"], event.step)

    @project(Journal.Noted)
    def noted(self, event: Journal.Noted) -> None:
        """The instance recorded an answer that leads to no command while other steps run."""
        if event.heeded:
            _apply_answer(self.rows[event.originator_id], event.answer)

    @project(Journal.Intervened)
    def intervened(self, event: Journal.Intervened) -> None:
        """An operator cancelled it: it compensates."""
        if event.action is Action.CANCEL:
            _start_compensating(self.rows[event.originator_id], event.reason)

    @project(Journal.Refused)
    def refused(self, event: Journal.Refused) -> None:
        """Another instance held a lock: it compensates."""
        _start_compensating(self.rows[event.originator_id], event.reason)

    @project(Journal.Resumed)
    def resumed(self, event: Journal.Resumed) -> None:
        """A parked instance was resumed."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        row["state"] = event.state.value
        row["reason"] = event.reason

    @project(Journal.Parked)
    def parked(self, event: Journal.Parked) -> None:
        """The instance waits for an operator."""
        row = self.rows[event.originator_id]
        if row["state"] == State.COMPENSATING.value:
            row["remaining"] = ""  # every undo was tried; steps without an effect have none
        row["state"] = State.PARKED.value
        row["ended_at"] = None
        row["step"] = event.step
        row["reason"] = event.reason

    @project(Journal.Ended)
    def ended(self, event: Journal.Ended) -> None:
        """The instance reached its end."""
        row = self.rows[event.originator_id]
        row["state"] = event.state.value
        row["remaining"] = ""
        row["reason"] = event.reason
        row["ended_at"] = event.timestamp


def _apply_answer(row: Row, answer: Answer | None) -> None:
    """Removes a step that is done before its command was issued; a refusal starts compensation."""
    if answer is None or answer.undo:
        return
    if answer.outcome is Outcome.DONE:
        if row["state"] == State.RUNNING.value:
            row["remaining"] = _without(row["remaining"], answer.step)
    elif answer.outcome is Outcome.REFUSED or answer.outcome is Outcome.UNKNOWN:
        if row["state"] != State.COMPENSATING.value:
            _start_compensating(row, answer.reason)
        if answer.outcome is Outcome.REFUSED:
            row["remaining"] = _without(row["remaining"], answer.step)


def _start_compensating(row: Row, reason: str) -> None:
    """Lists the steps that were started, the last first: they remain to be undone."""
    left = row["remaining"].split(", ")
    started = [each for each in row["plan"].split(", ") if each not in left]
    row["state"] = State.COMPENSATING.value
    row["reason"] = reason
    row["remaining"] = ", ".join(reversed(started))


def _without(steps: str, step: str) -> str:
    if step not in steps:
        return steps
    first, _, rest = steps.partition(", ")
    if first == step:
        return rest
    return ", ".join(each for each in steps.split(", ") if each != step)
