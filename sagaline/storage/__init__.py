"""Persistence for any `eventsourcing` application: `PERSISTENCE_MODULE=sagaline.storage`.

SQLite to start with, PostgreSQL when a system grows. It keeps upstream's API and tables, and adds
what several followers, processes and stores need to work without losing or doubling an event.
"""

from sagaline.storage.log.factory import Factory
from sagaline.storage.log.recorders import AggregateRecorder, ApplicationRecorder
from sagaline.storage.log.rows import Appended, EventRow, LogRow, Page, Part
from sagaline.storage.log.tracking import ProcessRecorder, TrackingRecorder
from sagaline.storage.notify.listener import Listener
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.sql.transaction import Transaction
from sagaline.storage.tables.followers import Standing, advance, register, standing
from sagaline.storage.tables.ownership import check, claim

__all__ = [
    "AggregateRecorder",
    "Appended",
    "ApplicationRecorder",
    "Datastore",
    "EventRow",
    "Factory",
    "Listener",
    "LogRow",
    "Page",
    "Part",
    "ProcessRecorder",
    "Standing",
    "TrackingRecorder",
    "Transaction",
    "advance",
    "check",
    "claim",
    "register",
    "standing",
]
