"""Errors of stores, of transactions and of followers that write."""

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

from sagaline.errors.base import SagalineError


class StoreUnusable(SagalineError):
    """The store {url} cannot be used: {reason}."""

    url: str
    reason: str


class StoreTooNew(StoreUnusable):
    """The store {url} has schema version {found}; this Sagaline knows {known}. Upgrade Sagaline."""

    found: int
    known: int


class StoreOfAnotherSystem(StoreUnusable):
    """The store {url} belongs to the system {found!r}, not to {wanted!r}: {cure}."""

    found: str
    wanted: str


class StoreDamaged(SagalineError):
    """The store has {value} where it cannot be, in {place}: restore it from a backup."""

    place: str
    value: str


class EncodingDiffers(StoreUnusable):
    """The log of {application} in {url} cannot be used: {reason}."""


class UnknownEvents(StoreUnusable):
    """The log of {application} in {url} has events of types that are not loaded: {topics}.

    Import the modules that define them, or register the topics of renamed classes.
    """


class SagasIncompatible(StoreUnusable):
    """{count} live sagas {saga} in {url} cannot continue with the definition that is loaded.

    The first is {key}: {first}. See `sagaline check`, or keep the former class with @version.
    """


class LogTooShort(StoreUnusable):
    """{follower} has read the log of {application} in {url} up to {position}; it ends at {head}.

    One of the two was restored from a backup without the other: restore both.
    """


class StoreClosed(SagalineError, InterfaceError):
    """The store {url} cannot be used in this process: {reason}."""


class AnotherTransaction(SagalineError):
    """A transaction of {other} is open here: a transaction of {url} cannot begin inside it."""


class TransactionNotShared(SagalineError, ProgrammingError):
    """A transaction of {url} belongs to the task or thread that began it: begin another here."""


class TransactionFailed(SagalineError, ProgrammingError):
    """A write in this transaction of {url} has failed, so the transaction was rolled back."""


class CommitUnknown(SagalineError, OperationalError):
    """It is unknown whether {url} has stored this, because its COMMIT had no answer ({reason}).

    Look, or send the same command again with the same id: it has one effect.
    """

    url: str
    reason: str


class VersionConflict(SagalineError, IntegrityError):
    """Another writer has already written version {version} of {stream}."""

    stream: str
    version: int


class VersionGap(VersionConflict):
    """Version {version} of {stream} has none before it.

    Load the aggregate anew, not from a cache of your own, and let it trigger the event.
    """


class FencedOut(SagalineError):
    """Another runner has moved the follower {follower} since this one read its position."""

    follower: str
