"""Sagas and read models for event-sourced Python: the public names.

Each name is imported when it is first used, so a program loads what it uses: a saga loads no
database driver, and a command of the terminal starts in half the time.
"""

TYPE_CHECKING = False  # `typing` is imported when it is needed: signals are heard sooner
if TYPE_CHECKING:
    from typing import Any

    from sagaline.admin.admin import Admin
    from sagaline.admin.bulk_result import BulkResult
    from sagaline.admin.entry import Entry
    from sagaline.admin.selection import Selection
    from sagaline.admin.timeline import timeline
    from sagaline.application.application import Application
    from sagaline.application.handlers import handles
    from sagaline.application.reactions import reacts_to
    from sagaline.application.receipt import Receipt
    from sagaline.errors import (
        CommandConflict,
        CommitUnknown,
        DefinitionError,
        NothingToRollBack,
        RebuildBusy,
        RebuildFailed,
        RebuildUnderWay,
        RowMissing,
        SagalineError,
        StoreUnusable,
        UnfitValue,
    )
    from sagaline.messaging.commands import Command
    from sagaline.messaging.faults import CommandFaulted
    from sagaline.messaging.ids import new_id
    from sagaline.messaging.message import Message
    from sagaline.messaging.retry import Retry, hours, minutes, seconds
    from sagaline.messaging.timers import CancelTimer, SetTimer
    from sagaline.ports.limits import Breaker, PortLimits
    from sagaline.read_model.definition import ReadModel
    from sagaline.read_model.projection import project
    from sagaline.read_model.row import Row
    from sagaline.rebuilding.progress import Rebuilt
    from sagaline.rebuilding.rebuild import rebuild, roll_back
    from sagaline.rebuilding.worker import rebuild_worker
    from sagaline.runner.options import Options
    from sagaline.runner.runner import Runner
    from sagaline.saga.definition import (
        ALL,
        ANY,
        COMPENSATABLE,
        NO_EFFECT,
        PIVOT,
        RETRIABLE,
        Kind,
        Saga,
        at_least,
        first,
        hears,
        locks,
        on_compensated,
        on_completed,
        query,
        step,
        step_for_each,
        wait_for,
    )
    from sagaline.saga.instance import Journal
    from sagaline.saga.others import from_others
    from sagaline.saga.schedule import ONCE, SKIP, schedule
    from sagaline.saga.scheduled import ScheduledStart
    from sagaline.saga.state import State
    from sagaline.saga.step_timers import Timing
    from sagaline.saga.versions import version
    from sagaline.storage.sql.amounts import Amount
    from sagaline.storage.sql.columns import Moment, Uuid
    from sagaline.system.system import System

__all__ = [
    "ALL",
    "ANY",
    "COMPENSATABLE",
    "NO_EFFECT",
    "ONCE",
    "PIVOT",
    "RETRIABLE",
    "SKIP",
    "Admin",
    "Amount",
    "Application",
    "Breaker",
    "BulkResult",
    "CancelTimer",
    "Command",
    "CommandConflict",
    "CommandFaulted",
    "CommitUnknown",
    "DefinitionError",
    "Entry",
    "Journal",
    "Kind",
    "Message",
    "Moment",
    "NothingToRollBack",
    "Options",
    "PortLimits",
    "ReadModel",
    "RebuildBusy",
    "RebuildFailed",
    "RebuildUnderWay",
    "Rebuilt",
    "Receipt",
    "Retry",
    "Row",
    "RowMissing",
    "Runner",
    "Saga",
    "SagalineError",
    "ScheduledStart",
    "Selection",
    "SetTimer",
    "State",
    "StoreUnusable",
    "System",
    "Timing",
    "UnfitValue",
    "Uuid",
    "at_least",
    "first",
    "from_others",
    "handles",
    "hears",
    "hours",
    "locks",
    "minutes",
    "new_id",
    "on_compensated",
    "on_completed",
    "project",
    "query",
    "reacts_to",
    "rebuild",
    "rebuild_worker",
    "roll_back",
    "schedule",
    "seconds",
    "step",
    "step_for_each",
    "timeline",
    "version",
    "wait_for",
]

_PUBLIC = {
    "sagaline.admin.entry": ("Entry",),
    "sagaline.admin.admin": ("Admin",),
    "sagaline.admin.bulk_result": ("BulkResult",),
    "sagaline.admin.selection": ("Selection",),
    "sagaline.admin.timeline": ("timeline",),
    "sagaline.application.application": ("Application",),
    "sagaline.application.handlers": ("handles",),
    "sagaline.application.reactions": ("reacts_to",),
    "sagaline.application.receipt": ("Receipt",),
    "sagaline.errors": (
        "CommandConflict",
        "CommitUnknown",
        "DefinitionError",
        "NothingToRollBack",
        "RebuildBusy",
        "RebuildFailed",
        "RebuildUnderWay",
        "RowMissing",
        "SagalineError",
        "StoreUnusable",
        "UnfitValue",
    ),
    "sagaline.messaging.commands": ("Command",),
    "sagaline.messaging.faults": ("CommandFaulted",),
    "sagaline.messaging.ids": ("new_id",),
    "sagaline.messaging.message": ("Message",),
    "sagaline.messaging.retry": (
        "Retry",
        "hours",
        "minutes",
        "seconds",
    ),
    "sagaline.messaging.timers": (
        "CancelTimer",
        "SetTimer",
    ),
    "sagaline.ports.limits": (
        "Breaker",
        "PortLimits",
    ),
    "sagaline.read_model.definition": ("ReadModel",),
    "sagaline.read_model.projection": ("project",),
    "sagaline.read_model.row": ("Row",),
    "sagaline.rebuilding.progress": ("Rebuilt",),
    "sagaline.rebuilding.rebuild": (
        "rebuild",
        "roll_back",
    ),
    "sagaline.rebuilding.worker": ("rebuild_worker",),
    "sagaline.runner.options": ("Options",),
    "sagaline.runner.runner": ("Runner",),
    "sagaline.saga.definition": (
        "ALL",
        "ANY",
        "COMPENSATABLE",
        "Kind",
        "NO_EFFECT",
        "PIVOT",
        "RETRIABLE",
        "Saga",
        "at_least",
        "first",
        "hears",
        "locks",
        "on_compensated",
        "on_completed",
        "query",
        "step",
        "step_for_each",
        "wait_for",
    ),
    "sagaline.saga.instance": ("Journal",),
    "sagaline.saga.others": ("from_others",),
    "sagaline.saga.schedule": (
        "ONCE",
        "SKIP",
        "schedule",
    ),
    "sagaline.saga.scheduled": ("ScheduledStart",),
    "sagaline.saga.state": ("State",),
    "sagaline.saga.step_timers": ("Timing",),
    "sagaline.saga.versions": ("version",),
    "sagaline.storage.sql.amounts": ("Amount",),
    "sagaline.storage.sql.columns": (
        "Moment",
        "Uuid",
    ),
    "sagaline.system.system": ("System",),
}
"""The module that defines each public name."""

_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}


def __getattr__(name: str) -> "Any":
    """Imports a public name, or a room, when it is first used. Raises AttributeError."""
    from importlib import import_module
    from importlib.util import find_spec

    if name in _MODULES:
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
