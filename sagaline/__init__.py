"""Sagas and read models for event-sourced Python."""

from sagaline.application import Application, Receipt
from sagaline.commands import Command
from sagaline.course import Timing
from sagaline.errors import DefinitionError, SagalineError, StoreUnusable
from sagaline.faults import CommandFaulted
from sagaline.handlers import handles
from sagaline.journal import Journal, State
from sagaline.message import Message
from sagaline.read_model import ReadModel, project
from sagaline.retry import Retry, hours, minutes, seconds
from sagaline.runner import Runner
from sagaline.saga import (
    COMPENSATABLE,
    NO_EFFECT,
    PIVOT,
    RETRIABLE,
    Kind,
    Saga,
    hears,
    on_compensated,
    on_completed,
    step,
)
from sagaline.system import System
from sagaline.timers import CancelTimer, SetTimer

__all__ = [
    "COMPENSATABLE",
    "NO_EFFECT",
    "PIVOT",
    "RETRIABLE",
    "Application",
    "CancelTimer",
    "Command",
    "CommandFaulted",
    "DefinitionError",
    "Journal",
    "Kind",
    "Message",
    "ReadModel",
    "Receipt",
    "Retry",
    "Runner",
    "Saga",
    "SagalineError",
    "SetTimer",
    "State",
    "StoreUnusable",
    "System",
    "Timing",
    "handles",
    "hears",
    "hours",
    "minutes",
    "on_compensated",
    "on_completed",
    "project",
    "seconds",
    "step",
]
