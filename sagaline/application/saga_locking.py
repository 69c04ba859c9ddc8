"""The release of an instance's locks, which wakes the instances that wait for them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from sagaline.followers.timers import timer_row
from sagaline.messaging.message import Trace
from sagaline.messaging.timers import SetTimer
from sagaline.saga.timers import LocksFreed
from sagaline.storage.tables.saga_locks import release_locks
from sagaline.storage.tables.timers import set_timers


def release_and_wake(
    connection: Connection, saga: str, key: str, trace: Trace, now: datetime
) -> None:
    """Releases the locks, and wakes the instances that are the first in a queue now."""
    for each in release_locks(connection, saga, key):
        # An id of its own: firing an earlier timer must not delete this one.
        id_ = f"{each.key}:locks:{saga}:{key}"
        timer = SetTimer(id_, timedelta(0), LocksFreed(saga_key=each.key))
        row = timer_row(timer, now, trace._replace(key=each.key), each.saga)
        set_timers(connection, each.saga, [row])
