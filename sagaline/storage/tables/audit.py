"""The audit table: what operators did to timers and dead letters.

Each row commits with the action. A saga's own stream records actions on that saga too; for others
this is the only record.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from sagaline.storage.tables.schema import interventions


class Intervention(NamedTuple):
    """One operator's action. `about` is the id of a timer or of a dead letter."""

    at: datetime
    by: str
    action: str
    about: str
    key: str | None
    reason: str


def add_intervention(connection: Connection, done: Intervention) -> None:
    """Records an action, in the transaction that performs it."""
    connection.execute(insert(interventions), done._asdict())


def interventions_of(connection: Connection, actions: Collection[str]) -> list[Intervention]:
    """The recorded actions of these kinds, oldest first."""
    columns = [interventions.c[name] for name in Intervention._fields]
    query = select(*columns).where(interventions.c.action.in_(actions)).order_by(interventions.c.id)
    return [Intervention(*row) for row in connection.execute(query)]


def forget_interventions(connection: Connection, before: datetime, rows: int) -> None:
    """Deletes those that were recorded before that time, among the oldest `rows`."""
    oldest = select(interventions.c.id).order_by(interventions.c.id).limit(rows)
    is_old = interventions.c.at < before
    connection.execute(delete(interventions).where(interventions.c.id.in_(oldest), is_old))


def is_intervention_old(connection: Connection, before: datetime) -> bool:
    """Whether the oldest was recorded before that time."""
    oldest = select(interventions.c.at).order_by(interventions.c.id).limit(1)
    first = connection.execute(oldest).scalar()
    return first is not None and first < before
