"""Persistence for any `eventsourcing` application: `PERSISTENCE_MODULE=sagaline.storage`.

SQLite to start with, PostgreSQL when a system grows. It keeps upstream's API and tables, and adds
what several followers, processes and stores need to work without losing or doubling an event.
"""

from sagaline.storage.datastore import Datastore
from sagaline.storage.factory import Factory
from sagaline.storage.followers import Standing, advance, register, standing
from sagaline.storage.listener import Listener
from sagaline.storage.recorders import AggregateRecorder, ApplicationRecorder
from sagaline.storage.rows import Appended, EventRow, LogRow, Page, Part
from sagaline.storage.store import check, claim
from sagaline.storage.tracking import ProcessRecorder, TrackingRecorder
from sagaline.storage.transaction import Transaction

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
