"""The timers that a unit of work sets and cancels, written with its events."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sagaline.codec import TypedMapper, unshared
from sagaline.followers.timers import timer_row
from sagaline.messaging.message import Trace
from sagaline.messaging.timers import SetTimer, TimerChange
from sagaline.storage.tables.timers import TimerRow, delete_timers, set_timers


class TracedChange(NamedTuple):
    """A change of a timer, with the envelope and the time of the handler that made it."""

    change: TimerChange
    trace: Trace
    now: datetime


def unshared_change(change: TimerChange) -> TimerChange:
    """The same change with a command of its own, which its handler cannot change any more."""
    if not isinstance(change, SetTimer):
        return change
    command = unshared(change.command)
    return change if command is change.command else replace(change, command=command)


def write_changes(
    connection: Connection, owner: str, changes: Iterable[TracedChange], mapper: TypedMapper
) -> None:
    """Writes the last change of each timer of the follower `owner`."""
    cancelled: dict[str, None] = {}
    rows: dict[str, TimerRow] = {}
    for change, trace, now in changes:
        if isinstance(change, SetTimer):
            cancelled.pop(change.id, None)
            rows[change.id] = timer_row(change, now, trace, owner, mapper)
        else:
            rows.pop(change.id, None)
            cancelled[change.id] = None
    delete_timers(connection, owner, list(cancelled))
    set_timers(connection, owner, list(rows.values()))
