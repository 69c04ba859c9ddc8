"""Every error that Sagaline raises: the docstring is the message, keyword arguments fill it in.

The arguments are attributes of the error, too; a class annotates those that code reads.
"""

from typing import Any

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    MapperDeserialisationError,
    OperationalError,
    ProgrammingError,
)
from typing_extensions import override


class SagalineError(Exception):
    """An error of Sagaline."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)
        super().__init__(" ".join((self.__doc__ or "").split()).format(**facts))


# Declarations and sagas.


class DefinitionError(SagalineError):
    """{where}: {problem}. {cure}"""

    where: str
    problem: str
    cure: str


class NoCommand(SagalineError):
    """{where} returned no command. Annotate it with `-> ... | None` if its step may be skipped."""


class InterventionRefused(SagalineError):
    """{saga}: {action} is refused: {reason}."""


class InterventionFailed(SagalineError):
    """{saga}: nothing was changed, because the code of the saga raises {reason}. Correct it."""


class KeyUnknown(SagalineError):
    """No log has an event of {key}."""


class SagaUnknown(SagalineError):
    """There is no saga {id}: see `sagas list`."""


class SagaAmbiguous(SagalineError):
    """{id} is the key of several sagas: name one of {ids}."""


# Dead letters and timers.


class LetterUnknown(SagalineError):
    """There is no dead letter {id}: see `dead-letters list`."""


class LetterBusy(SagalineError):
    """The dead letter {id} was not handled, because a runner kept writing first: try again."""


class TimerUnknown(SagalineError):
    """There is no timer {id}: see `timers list`."""


class TimerAmbiguous(SagalineError):
    """Several followers have a timer {id}: name one of {ids}."""


class TimerHeld(SagalineError):
    """The timer {id} waits for its dead letter: retry or discard the dead letter."""


class TimerUnreadable(SagalineError):
    """The timer {id} cannot be read: {reason}."""


# Stores.


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

    The first is {key}: {first}. See `sagaline check`.
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
    """Version {version} of {stream} has none before it: load the aggregate, not from a cache."""


class FencedOut(SagalineError):
    """Another runner has moved the follower {follower} since this one read its position."""

    follower: str


# Events and commands.


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
    """{where} returned a {kind}, which is not run: write a plain def, without async and yield."""


class NotHandled(SagalineError, LookupError):
    """{application} does not handle {command}: {cure}"""


class WrongCall(SagalineError, TypeError):
    """{where}: {problem}. {cure}"""


class NotHeard(SagalineError, KeyError):
    """{saga} {key} has not received {event}: a step can read only what comes before it."""

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


# Rows of read models.


class UnfitValue(SagalineError, ValueError):
    """{value!r} is not {kind}: {reason}."""

    value: object
    kind: str
    reason: str


class UnknownColumn(SagalineError):
    """The table {table} has no column {column!r} to set. It has {columns}."""


class RowMissing(SagalineError, KeyError):
    """The table {table} has no row {key}."""

    table: str
    key: object

    @override
    def __str__(self) -> str:
        return Exception.__str__(self)


class RowUnfit(SagalineError, ValueError):
    """The row {key} of {table} cannot be written: {column}: {reason}"""


class RowsNotListed(SagalineError, TypeError):
    """The rows of {table} are read by key: to list or count them, query the table."""


class RowColumnsFixed(SagalineError, TypeError):
    """A row of {table} has every column of its table: set a column to None to empty it."""


class RowsLost(SagalineError):
    """{count} rows of {table} are gone: another program writes to it. Rebuild the read model."""


# The command line.


class SettingMissing(SagalineError):
    """No {what} is given: use {option}, {variable}, or `{name}` in [tool.sagaline]."""


class SettingsUnreadable(SagalineError):
    """The settings in {file} cannot be read: {reason}."""


class OptionRefused(SagalineError):
    """{name} cannot be {value!r}: {reason}. Change {variable}, or `{name}` in [tool.sagaline]."""


class SystemNotLoaded(SagalineError):
    """The system {app} cannot be loaded: {reason}."""


class NameUnknown(SagalineError):
    """There is no {kind} {name!r}: choose among {known}."""


# The runner, and rebuilds.


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


def describe_error(error: BaseException) -> str:
    """An error as text that every store accepts: its class and its message."""
    try:
        return storable_text(f"{type(error).__name__}: {error}")
    except Exception as bug:
        return f"{type(error).__name__}, whose text raises {type(bug).__name__}"


def storable_text(text: str) -> str:
    """A text that every store accepts: PostgreSQL stores no zeros, and UTF-8 no surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
