"""The read model of all saga instances, for any system: where each is, and what is left."""

from sqlalchemy import Column, Index, MetaData, Table, Text

from sagaline.columns import Moment, Uuid
from sagaline.journal import Journal, Outcome, Role, State
from sagaline.read_model import ReadModel, project

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

    def keys_of(self, event: object, message: object) -> tuple[object, ...]:
        """The instance whose stream the event is in."""
        return (event.originator_id,)  # type: ignore[attr-defined]  # every domain event has one

    @project(Journal.Started)
    def started(self, event: Journal.Started) -> None:
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
        """The instance asked for a step, or for an undo."""
        row = self.rows[event.originator_id]
        row["step"] = event.step
        plan = row["plan"].split(", ")
        if event.role is Role.DO:
            row["state"] = State.RUNNING.value
            row["reason"] = ""
            row["remaining"] = ", ".join(plan[plan.index(event.step) + 1 :])
        elif event.role is Role.UNDO:
            row["state"] = State.COMPENSATING.value
            row["remaining"] = ", ".join(reversed(plan[: plan.index(event.step)]))
        answer = event.answer
        if answer and not answer.undo and answer.outcome is not Outcome.DONE:
            row["reason"] = answer.reason

    @project(Journal.Parked)
    def parked(self, event: Journal.Parked) -> None:
        """The instance waits for a person."""
        row = self.rows[event.originator_id]
        row["state"] = State.PARKED.value
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
