"""The open instances of a saga, page by page: `saga_list` names them, their streams are read."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, literal, select, tuple_

from sagaline.admin.entry import ReadableLog
from sagaline.admin.saga_lookup import Instance, read_instances
from sagaline.application.saga_process import SagaProcess
from sagaline.saga.state import State
from sagaline.storage import Datastore
from sagaline.system.saga_list import saga_list

PAGE: Final = 500
"""Instances that are in memory at once."""


def open_instances(
    process: type[SagaProcess],
    logs: Mapping[str, ReadableLog],
    views: Datastore,
    state: State,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[list[Instance]]:
    """Read the instances that `saga_list` shows in a state, the oldest first, a page at a time.

    `since` and `before` bound the moments of their starts. An instance may have moved on since:
    its journal says where it is.
    """
    last: tuple[datetime, UUID] | None = None
    while True:
        with views.read() as connection:
            rows = connection.execute(_page(process.name, state, since, before, last)).all()
        if not rows:
            return
        yield list(read_instances(process, logs, [id for _, id in rows]))
        last = rows[-1].started_at, rows[-1].saga_id


def _page(
    saga: str,
    state: State,
    since: datetime | None,
    before: datetime | None,
    last: tuple[datetime, UUID] | None,
) -> Select[tuple[datetime, UUID]]:
    c = saga_list.c
    query = select(c.started_at, c.saga_id).where(c.state == state.value, c.name == saga)
    if before is not None:
        query = query.where(c.started_at < before)
    if last is not None:
        place = literal(last[0], c.started_at.type), literal(last[1], c.saga_id.type)
        later = tuple_(c.started_at, c.saga_id) > tuple_(*place)
        # The first condition is what the index serves.
        query = query.where(c.started_at >= last[0], later)
    elif since is not None:
        query = query.where(c.started_at >= since)
    return query.order_by(c.started_at, c.saga_id).limit(PAGE)
