"""Sagas and read models for event-sourced Python."""

from sagaline.application import Application, Receipt
from sagaline.columns import Amount, Moment, Uuid
from sagaline.commands import Command
from sagaline.course import Timing
from sagaline.errors import (
    CommandConflict,
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
from sagaline.faults import CommandFaulted
from sagaline.handlers import handles
from sagaline.ids import new_id
from sagaline.journal import Journal
from sagaline.message import Message
from sagaline.progress import State
from sagaline.reactions import reacts_to
from sagaline.read_model import ReadModel, project
from sagaline.rebuild import rebuild, roll_back
from sagaline.retry import Retry, hours, minutes, seconds
from sagaline.rows import Row
from sagaline.runner import Runner
from sagaline.saga import (
    COMPENSATABLE,
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Kind,
    Saga,
    hears,
    locks,
    on_compensated,
    on_completed,
    step,
)
from sagaline.shadow import Rebuilt
from sagaline.system import System
from sagaline.timeline import Entry, timeline
from sagaline.timers import CancelTimer, SetTimer
from sagaline.twin import twin_of

__all__ = [
    "COMPENSATABLE",
    "NO_EFFECT",
    "PIVOT",
    "RETRIABLE",
    "Amount",
    "Application",
    "CancelTimer",
    "Command",
    "CommandConflict",
    "CommandFaulted",
    "DefinitionError",
    "Entry",
    "Journal",
    "Kind",
    "Message",
    "Moment",
    "NothingToRollBack",
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
    "SetTimer",
    "State",
    "StoreUnusable",
    "System",
    "Timing",
    "UnfitValue",
    "Uuid",
    "handles",
    "hears",
    "hours",
    "locks",
    "minutes",
    "new_id",
    "on_compensated",
    "on_completed",
    "project",
    "reacts_to",
    "rebuild",
    "roll_back",
    "seconds",
    "step",
    "timeline",
    "twin_of",
]
