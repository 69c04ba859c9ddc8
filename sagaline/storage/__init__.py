"""Persistence for any `eventsourcing` application: `PERSISTENCE_MODULE=sagaline.storage`.

It supports SQLite and PostgreSQL with upstream's API and tables. Several followers, processes and
stores can work at once without losing an event or handling it twice.
"""

from sagaline.storage.log.factory import Factory
from sagaline.storage.log.recorders import AggregateRecorder, ApplicationRecorder
from sagaline.storage.log.rows import Appended, EventRow, LogRow, Page, Part
from sagaline.storage.log.tracking import ProcessRecorder, TrackingRecorder
from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.sql.transaction import Transaction
from sagaline.storage.tables.followers import FollowerState, advance, follower_state, register
from sagaline.storage.tables.ownership import (
    claim_store,
    own_store,
    refuse_foreign_application,
)

__all__ = [
    "AggregateRecorder",
    "Appended",
    "ApplicationRecorder",
    "Datastore",
    "EventRow",
    "Factory",
    "FollowerState",
    "Listener",
    "LogRow",
    "Page",
    "Part",
    "ProcessRecorder",
    "TrackingRecorder",
    "Transaction",
    "advance",
    "claim_store",
    "follower_state",
    "own_store",
    "refuse_foreign_application",
    "register",
]
