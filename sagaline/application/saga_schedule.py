"""The timers of a saga's schedule: what is set when it is due, and when a runner starts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from sagaline.codec import TypedMapper
from sagaline.followers.timers import timer_row
from sagaline.messaging.commands import Command
from sagaline.messaging.logbook import fields, logger_of
from sagaline.messaging.message import Message, Trace
from sagaline.messaging.timers import SetTimer
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.schedule import Schedule
from sagaline.saga.scheduled import SCHEDULE_TIMER, ScheduledStart, ScheduleDue, StartDue
from sagaline.storage import Datastore
from sagaline.storage.tables.timers import TimerRow, due_of, set_timers

log = logger_of(__name__)


class ScheduledProcess(Protocol):
    """What a schedule needs of the process application of its saga."""

    @property
    def name(self) -> str:
        """Its name, and that of its follower."""

    @property
    def saga(self) -> type[Saga]:
        """The saga with the schedule."""

    @property
    def datastore(self) -> Datastore:
        """The store of its timers."""

    @property
    def mapper(self) -> TypedMapper:
        """Encrypts them as events are."""


def schedule_writes(
    process: ScheduledProcess, due: ScheduleDue, now: datetime
) -> Callable[[Connection], None]:
    """Sets a timer for each instance that starts now, and the timer of the next due time.

    A start that fails is a dead letter of its own, and the schedule goes on. Nothing is written for
    a saga that has no schedule any more.
    """
    schedule = saga_declaration(process.saga).head.schedule
    rows: list[TimerRow] = []
    if schedule is not None:
        starts = schedule.starts(due.at, now, _lateness(process, now))
        if due.at not in starts:
            text = "%s does not start for the time that it missed, %s"
            log.warning(text, process.name, due.at, extra=fields(saga=process.name))
        rows = [
            _row(process, f"{SCHEDULE_TIMER}:{each.isoformat()}", min(each, now), StartDue(at=each))
            for each in starts
        ]
        rows.append(next_row(process, schedule, max(now, due.at)))
    return lambda connection: set_timers(connection, process.name, rows)


def start_in(message: Message) -> Any:
    """The event of a message; for the timer of a start, what starts the saga then."""
    event = message.event
    return ScheduledStart(at=event.at) if isinstance(event, StartDue) else event


def next_row(process: ScheduledProcess, schedule: Schedule, after: datetime) -> TimerRow:
    """The timer of the first due time after a moment."""
    at = schedule.next(after)
    due = ScheduleDue(expression=schedule.expression, zone=schedule.zone, at=at)
    return _row(process, SCHEDULE_TIMER, at, due)


def _row(process: ScheduledProcess, id: str, at: datetime, command: Command) -> TimerRow:
    timer = SetTimer(id, timedelta(0), command)
    return timer_row(timer, at, Trace(None, None, 0), process.name, process.mapper)


def _lateness(process: ScheduledProcess, now: datetime) -> timedelta:
    """How long ago the timer was due: an operator may have moved it."""
    with process.datastore.read() as connection:
        due = due_of(connection, process.name, SCHEDULE_TIMER)
    return timedelta(0) if due is None else timedelta(seconds=now.timestamp() - due)
