"""Every error that Sagaline raises: the docstring is the message, the fields carry the facts."""

from typing import Any

from eventsourcing.persistence import IntegrityError


class SagalineError(Exception):
    """Something went wrong in Sagaline."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)
        super().__init__(" ".join((self.__doc__ or "").split()).format(**facts))


class DefinitionError(SagalineError):
    """{where}: {problem}. {cure}"""

    where: str
    problem: str
    cure: str


class StoreUnusable(SagalineError):
    """The store {url} cannot be used: {reason}."""

    url: str
    reason: str


class StoreTooNew(StoreUnusable):
    """The store {url} has schema version {found}; this Sagaline knows {known}. Upgrade Sagaline."""

    found: int
    known: int


class StoreOfAnotherSystem(StoreUnusable):
    """The store {url} was made for the system {found!r}, not for {wanted!r}."""

    found: str
    wanted: str


class UnknownTopic(SagalineError):
    """The event type {topic!r} is not known to the code that is loaded."""

    topic: str


class UnknownEvents(StoreUnusable):
    """The log of {application} in {url} has events that the loaded code does not know: {topics}."""

    application: str
    topics: str


class NotStorable(SagalineError, TypeError):
    """{event} cannot be stored: {reason}."""

    event: str
    reason: str


class VersionConflict(SagalineError, IntegrityError):
    """Another writer has already written this version of {stream}."""

    stream: str


class FencedOut(SagalineError):
    """Another runner has moved the follower {follower} since it was last read."""

    follower: str


class CommandConflict(SagalineError):
    """The command id {command_id} was used before for another content."""

    command_id: str


class AnotherTransaction(SagalineError):
    """A transaction of {other} is open here; one of {url} cannot begin inside it."""

    url: str
    other: str
