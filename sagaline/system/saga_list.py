"""The read model of all saga instances of any system: the state and the steps left of each."""

from sqlalchemy import Column, Index, MetaData, Table, Text

from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project
from sagaline.read_model.row import Row
from sagaline.saga.instance import Journal
from sagaline.saga.items import step_name
from sagaline.saga.loaded import steps_without_undo
from sagaline.saga.state import Action, Answer, Outcome, Role, State
from sagaline.storage.sql.columns import Moment, Uuid
from sagaline.system import saga_plan as plan

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
        self.rows[event.originator_id] = {
            "name": event.saga,
            "key": event.key,
            "state": State.RUNNING.value,
            "step": "",
            "remaining": ", ".join(event.plan),
            "reason": "",
            "started_at": event.timestamp,
            "ended_at": None,
            "plan": plan.begun(event.plan, steps_without_undo(event.saga, event.fingerprint)),
        }

    @project(Journal.Requested)
    def requested(self, event: Journal.Requested) -> None:
        """The instance issued the command of a step, of an undo, or the last one before its end."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        if event.role is not Role.REMIND:
            row["step"] = event.step
        if event.role is Role.DO and event.attempt == 1:
            _start(row, event.step)

    @project(Journal.FannedOut)
    def fanned_out(self, event: Journal.FannedOut) -> None:
        """A step is requested once for each of several items; without any, it is done."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        if not event.items:
            row["remaining"] = _without(row["remaining"], event.step)

    @project(Journal.Waiting)
    def waiting(self, event: Journal.Waiting) -> None:
        """A step without a command was started: it waits for an event from outside."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        row["step"] = event.step
        _start(row, event.step)

    @project(Journal.Skipped)
    def skipped(self, event: Journal.Skipped) -> None:
        """The condition of a step was not met: it is neither done nor undone."""
        row = self.rows[event.originator_id]
        _apply_answer(row, event.answer)
        row["remaining"] = _without(row["remaining"], event.step)
        row["plan"] = plan.without(row["plan"], event.step)

    @project(Journal.Noted)
    def noted(self, event: Journal.Noted) -> None:
        """The instance recorded an answer that leads to no command while other steps run."""
        if event.heeded:
            _apply_answer(self.rows[event.originator_id], event.answer)

    @project(Journal.Intervened)
    def intervened(self, event: Journal.Intervened) -> None:
        """An operator cancelled it, or has done a step or an undo by hand."""
        row = self.rows[event.originator_id]
        if event.action is Action.CANCEL:
            _start_compensating(row, event.reason)
        elif event.action is Action.SKIP:
            _settle_without_effect(row, event.step)

    @project(Journal.Refused)
    def refused(self, event: Journal.Refused) -> None:
        """Another instance held a lock: it compensates."""
        _start_compensating(self.rows[event.originator_id], event.reason)

    @project(Journal.TakenBack)
    def taken_back(self, event: Journal.TakenBack) -> None:
        """The saga that it is a step of wants nothing of it done, also after its end."""
        row = self.rows[event.originator_id]
        row["ended_at"] = None
        _start_compensating(row, event.reason)
        row["state"] = State.COMPENSATING.value

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
        _apply_answer(row, event.answer)
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
        row["plan"] = plan.ended(row["plan"])


def _apply_answer(row: Row, answer: Answer | None) -> None:
    """Removes a step that is done or undone; a refusal starts compensation."""
    if answer is None:
        return
    outcome, step = answer.outcome, answer.step
    if answer.undo:
        if outcome is Outcome.DONE:
            _settle_without_effect(row, step)
    elif outcome is Outcome.DONE:
        _settle(row, step)
    elif outcome is Outcome.WAIVED:
        _settle_without_effect(row, step)
    elif outcome is Outcome.REFUSED or outcome is Outcome.UNKNOWN:
        _start_compensating(row, answer.reason)
        if outcome is Outcome.REFUSED:
            _settle_without_effect(row, step)


def _start(row: Row, step: str) -> None:
    if "[" not in step:
        row["plan"] = plan.with_started(row["plan"], step, row["remaining"])
        return
    row["plan"] = plan.with_item(row["plan"], step_name(step), 1, 1)
    left = {step_name(step), *row["remaining"].split(", ")}
    row["remaining"] = ", ".join(plan.in_order(row["plan"], left))


def _settle(row: Row, step: str) -> None:
    """A step, or an item of one, is done."""
    if "[" in step:
        _change_items(row, step_name(step), effects=0)
    elif not _is_compensating(row):
        row["remaining"] = _without(row["remaining"], step)
        row["plan"] = plan.with_started(row["plan"], step, row["remaining"])


def _settle_without_effect(row: Row, step: str) -> None:
    """A step, or an item of one, is undone, has failed without effect, or was done by hand."""
    if "[" in step:
        _change_items(row, step_name(step), effects=-1)
    else:
        row["remaining"] = _without(row["remaining"], step)
        row["plan"] = plan.without_effect(row["plan"], step)


def _change_items(row: Row, step: str, effects: int) -> None:
    row["plan"] = plan.with_item(row["plan"], step, effects, -1)
    if _is_compensating(row):
        row["remaining"] = ", ".join(plan.to_undo(row["plan"], row["remaining"]))
    elif plan.is_settled(row["plan"], step):
        row["remaining"] = _without(row["remaining"], step)


def _is_compensating(row: Row) -> bool:
    return row["state"] == State.COMPENSATING.value or plan.is_of_way_back(row["plan"])


def _start_compensating(row: Row, reason: str) -> None:
    """Lists the steps to undo, the last that was started first."""
    if _is_compensating(row):
        return
    if row["state"] == State.RUNNING.value:
        row["state"] = State.COMPENSATING.value
    row["reason"] = reason
    row["remaining"] = ", ".join(plan.to_undo(row["plan"], row["remaining"]))
    row["plan"] = plan.turned(row["plan"])


def _without(steps: str, step: str) -> str:
    if step not in steps:
        return steps
    first, _, rest = steps.partition(", ")
    if first == step:
        return rest
    return ", ".join(each for each in steps.split(", ") if each != step)
