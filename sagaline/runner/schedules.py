"""The timers of schedules when a runner starts: set, changed or deleted as the code declares."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.application.saga_process import SagaProcess
from sagaline.application.saga_schedule import next_row
from sagaline.followers.timers import timer_state
from sagaline.messaging.topics import stored_topics
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.schedule import Schedule
from sagaline.saga.scheduled import SCHEDULE_TIMER, ScheduleDue
from sagaline.storage import Datastore
from sagaline.storage.tables.followers import raise_fence
from sagaline.storage.tables.timers import TimerRow, delete_timers, set_timers, timers_of_id

SCHEDULE_TOPICS = stored_topics(ScheduleDue)
"""The topics of the timers of schedules, which do not keep a system from being settled."""


def begin_schedules(datastore: Datastore, apps: Iterable[Application], now: datetime) -> None:
    """Has each timer of a schedule in a store be what the code declares.

    A schedule that is new, or whose expression or zone has changed, is due from now on; that of a
    saga that has none any more is deleted.
    """
    processes = [each for each in apps if isinstance(each, SagaProcess)]
    known = {each.name: each for each in processes if each.datastore is datastore}
    with datastore.read() as connection:
        if not list(_changes(connection, known)):
            return
    with datastore.write() as connection:
        for name, schedule in list(_changes(connection, known)):
            raise_fence(connection, name)  # a runner that is about to fire it reads it again
            if schedule is None:
                delete_timers(connection, name, [SCHEDULE_TIMER])
            else:
                set_timers(connection, name, [next_row(known[name], schedule, now)])


def _changes(
    connection: Connection, known: Mapping[str, SagaProcess]
) -> Iterator[tuple[str, Schedule | None]]:
    """The sagas whose timer is not what the code declares, each with its schedule."""
    rows = {
        name: row
        for name, row in timers_of_id(connection, SCHEDULE_TIMER)
        if row.topic in SCHEDULE_TOPICS
    }
    declared = {name: saga_declaration(each.saga).head.schedule for name, each in known.items()}
    for name in {**declared, **rows}:
        schedule, row = declared.get(name), rows.get(name)
        if schedule is None:
            if row is not None:
                yield name, None
        elif row is None or not _is_of(schedule, row, known[name]):
            yield name, schedule


def _is_of(schedule: Schedule, row: TimerRow, process: SagaProcess) -> bool:
    state = timer_state(process.name, row, process.mapper)
    due = ScheduleDue.model_validate_json(state)
    return (due.expression, due.zone) == (schedule.expression, schedule.zone)
