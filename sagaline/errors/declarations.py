"""Errors of declarations, of systems and of saga instances."""

from sagaline.errors.base import SagalineError


class DefinitionError(SagalineError):
    """{where}: {problem}. {cure}"""

    where: str
    problem: str
    cure: str


class NoCommand(SagalineError):
    """{where} returned no command. Annotate it with `-> ... | None` if its step may be skipped."""


class InterventionRefused(SagalineError):
    """{saga}: {action} is refused: {reason}."""

    reason: str


class InterventionFailed(SagalineError):
    """{saga}: nothing was changed, because the code of the saga raises {reason}. Correct it."""

    reason: str


class NoLongerSelected(SagalineError):
    """{saga} {key} has moved on since it was selected."""


class KeyUnknown(SagalineError):
    """No log has an event of {key}."""


class SagaUnknown(SagalineError):
    """There is no saga {id}: see `sagas list`."""


class SignalTooLate(SagalineError):
    """{saga} {key} does not hear {signal}: {reason}."""


class SagaAmbiguous(SagalineError):
    """{id} is the key of several sagas: name one of {ids}."""


class QueryUnknown(SagalineError):
    """{saga} has no query {query}: it has {known}."""


class QueryFailed(SagalineError):
    """{saga}: the query {query} {problem}."""
