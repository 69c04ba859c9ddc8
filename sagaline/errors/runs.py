"""Errors of runners and rebuilds."""

from sagaline.errors.base import SagalineError


class RunnerDied(SagalineError):
    """The runner of {system} has stopped: {reason}."""


class TableOutOfDate(SagalineError):
    """{table} was made by other code than is loaded: `sagaline rebuild --outdated` rebuilds it."""


class RebuildFailed(SagalineError):
    """The rebuild of {view} failed at {position} ({topic}): {reason}. The live table is kept."""

    view: str
    position: str
    topic: str
    reason: str


class RebuildBusy(SagalineError):
    """The rebuild of {view} could not catch up with the running system: try again later."""


class RebuildUnderWay(SagalineError):
    """{view} is being rebuilt or verified by another process: wait until it has finished."""


class TableNotReplaceable(SagalineError):
    """{view} cannot be replaced, because of {what}: {reason}. Drop it, and create it later."""


class NothingToRollBack(SagalineError):
    """{view} has no earlier table to roll back to."""
