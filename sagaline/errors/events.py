"""Errors of events and commands."""

from eventsourcing.persistence import MapperDeserialisationError, OperationalError
from typing_extensions import override

from sagaline.errors.base import SagalineError


class UnknownTopic(SagalineError):
    """The event type {topic!r} is not loaded: import the module that defines it."""

    topic: str


class CompressorUnusable(SagalineError):
    """The compressor of {application} cannot be used: COMPRESSOR_TOPIC is {topic!r}."""


class KeysUnusable(SagalineError):
    """The keys of {application} cannot be used: {reason}. See CIPHER_KEY and CIPHER_READ_KEYS."""


class KeyMissing(SagalineError, OperationalError):
    """An event was encrypted with the key {key_id}, which is not given: see CIPHER_READ_KEYS."""

    key_id: str


class NotStorable(SagalineError, TypeError):
    """{event} cannot be stored: {reason}."""


class Unreadable(SagalineError, MapperDeserialisationError):
    """The event {topic} ({originator_id}, version {originator_version}) is unreadable: {reason}."""

    topic: str
    originator_id: object
    originator_version: int
    reason: str


class CommandConflict(SagalineError):
    """The command id {command_id} was used before with other content: use a new id."""


class NoUnitOfWork(SagalineError, LookupError):
    """{application}: timers and attempts are those of a command, so use them inside a handler."""


class NeverRun(SagalineError, TypeError):
    """{where} returned a {kind}, which is not run: {cure}."""


class NotHandled(SagalineError, LookupError):
    """{application} does not handle {command}: {cure}"""


class WrongCall(SagalineError, TypeError):
    """{where}: {problem}. {cure}"""


class NotHeard(SagalineError, KeyError):
    """{saga} {key} has not received {event}: ask first with `in self`, or read it later."""

    @override
    def __str__(self) -> str:
        return Exception.__str__(self)


class WriteInHandler(SagalineError):
    """{name} is handling a message and cannot {action}: that would stay if handling it failed.

    Save aggregates of its own with `save`, or return them, and put what handlers share into methods
    of their own. A saga, a reaction or a timer reaches other applications, a port the outside.
    """


class PortGivenUp(SagalineError):
    """{application} has tried {command} {attempts} times without an answer: {reason}"""
