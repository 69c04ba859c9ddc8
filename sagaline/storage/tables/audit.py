"""What people did to timers and dead letters: a row each, in the transaction of the deed.

Where a saga is concerned its stream tells of it too; what belongs to none has no other record.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from sagaline.storage.tables.schema import interventions


class Intervention(NamedTuple):
    """Who did what, when and why. `about` is the id of a timer, or of a dead letter."""

    at: datetime
    by: str
    action: str
    about: str
    key: str | None
    reason: str


def add_intervention(connection: Connection, done: Intervention) -> None:
    """Records what a person does, in the transaction that does it."""
    connection.execute(insert(interventions), done._asdict())


def interventions_of(connection: Connection, actions: Collection[str]) -> list[Intervention]:
    """What people did, of these kinds, in the order of their doing."""
    columns = [interventions.c[name] for name in Intervention._fields]
    query = select(*columns).where(interventions.c.action.in_(actions)).order_by(interventions.c.id)
    return [Intervention(*row) for row in connection.execute(query)]
