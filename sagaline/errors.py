"""Every error that Sagaline raises: the docstring is the message, the fields carry the facts."""

from typing import Any

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    MapperDeserialisationError,
    ProgrammingError,
)
from typing_extensions import override


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


class NoCommand(SagalineError):
    """{where} returned no command. Annotate it with `-> ... | None` if its step may be skipped."""

    where: str


class InterventionRefused(SagalineError):
    """{saga}: {action} is refused: {reason}."""

    saga: str
    action: str
    reason: str


class InterventionFailed(SagalineError):
    """{saga}: nothing is done, because the saga's own code fails: {reason}."""

    saga: str
    reason: str


class KeyUnknown(SagalineError):
    """No log has an event of {key}."""

    key: str


class SagaUnknown(SagalineError):
    """There is no saga {id}."""

    id: str


class SagaAmbiguous(SagalineError):
    """{id} is the key of several sagas: name one of {ids}."""

    id: str
    ids: str


class LetterUnknown(SagalineError):
    """There is no dead letter {id}: see `dead-letters list`."""

    id: str


class LetterBusy(SagalineError):
    """The dead letter {id} could not be taken, as a runner writes all the time; try again."""

    id: str


class TimerUnknown(SagalineError):
    """There is no timer {id}: see `timers list`."""

    id: str


class TimerAmbiguous(SagalineError):
    """Several followers have a timer {id}: name one of {ids}."""

    id: str
    ids: str


class TimerHeld(SagalineError):
    """The timer {id} waits for its dead letter: retry or discard that."""

    id: str


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


class SagasInTheWay(StoreUnusable):
    """{count} live sagas {saga} in {url} cannot go on with the definition that is loaded.

    The first is {key}: {first}. See `sagaline check`.
    """

    saga: str
    count: int
    key: str
    first: str


class LogTooShort(StoreUnusable):
    """{follower} has read the log of {application} in {url} up to {position}; it ends at {head}.

    One of the two was restored from a back-up without the other: restore both.
    """

    follower: str
    application: str
    position: int
    head: int


class NotStorable(SagalineError, TypeError):
    """{event} cannot be stored: {reason}."""

    event: str
    reason: str


class VersionConflict(SagalineError, IntegrityError):
    """Another writer has already written version {version} of {stream}."""

    stream: str
    version: int


class FencedOut(SagalineError):
    """Another runner has moved the follower {follower} since it was last read."""

    follower: str


class CommandConflict(SagalineError):
    """The command id {command_id} was used before for another content."""

    command_id: str


class NoUnitOfWork(SagalineError, LookupError):
    """{application}: timers and attempts are those of a command, so use them inside a handler."""

    application: str


class PortGivenUp(SagalineError):
    """{application} has tried {command} {attempts} times without an answer: {reason}"""

    application: str
    command: str
    attempts: int
    reason: str


class AnotherTransaction(SagalineError):
    """A transaction of {other} is open here; one of {url} cannot begin inside it."""

    url: str
    other: str


class UnfitValue(SagalineError, ValueError):
    """{value!r} is not {kind}: {reason}."""

    value: object
    kind: str
    reason: str


class UnknownColumn(SagalineError):
    """The table {table} has no column {column!r} to set. It has {columns}."""

    table: str
    column: str
    columns: str


class RowMissing(SagalineError, KeyError):
    """The table {table} has no row {key}."""

    table: str
    key: object

    @override
    def __str__(self) -> str:
        return Exception.__str__(self)


class RowUnfit(SagalineError, ValueError):
    """The row {key} of {table} cannot be written: {column}: {reason}"""

    table: str
    key: object
    column: str
    reason: str


class RowsNotListed(SagalineError, TypeError):
    """The rows of {table} are asked for by key; they are not listed or counted here. Query it."""

    table: str


class StoreClosed(SagalineError, InterfaceError):
    """The store {url} was closed in this process; open it again to use it."""

    url: str


class TransactionNotShared(SagalineError, ProgrammingError):
    """A transaction of {url} belongs to the task or thread that began it: begin another here."""

    url: str


class TransactionFailed(SagalineError, ProgrammingError):
    """A write inside this transaction of {url} had failed, so nothing of it was recorded."""

    url: str


class RowWhole(SagalineError, TypeError):
    """A row of {table} has every column of its table: set a column to None to empty it."""

    table: str


class RowsLost(SagalineError):
    """{count} rows of {table} that were read are gone: somebody else writes there. Rebuild it."""

    table: str
    count: int


class SettingMissing(SagalineError):
    """No {what} is given: use {option}, {variable}, or `{name}` in [tool.sagaline]."""

    what: str
    option: str
    variable: str
    name: str


class SettingsUnreadable(SagalineError):
    """The settings in {file} cannot be read: {reason}."""

    file: object
    reason: str


class SystemNotLoaded(SagalineError):
    """The system {app} cannot be loaded: {reason}."""

    app: str
    reason: str


class NameUnknown(SagalineError):
    """There is no {kind} {name!r}: choose among {known}."""

    kind: str
    name: str
    known: str


class Unreadable(SagalineError, MapperDeserialisationError):
    """The event {topic} ({originator_id}, version {originator_version}) is unreadable: {reason}."""

    topic: str
    originator_id: object
    originator_version: int
    reason: str


class RebuildFailed(SagalineError):
    """The rebuild of {view} stopped at {position} ({topic}): {reason}. The live table stands."""

    view: str
    position: str
    topic: str
    reason: str


class RunnerDied(SagalineError):
    """The runner of {system} does not run any more: {reason}."""

    system: str
    reason: str


class RebuildBusy(SagalineError):
    """The rebuild of {view} could not catch up with the running system; try again later."""

    view: str


class RebuildUnderWay(SagalineError):
    """{view} is being rebuilt or verified already, by somebody else: wait until that is done."""

    view: str


class NothingToRollBack(SagalineError):
    """{view} has no earlier table to go back to."""

    view: str


def describe_error(error: BaseException) -> str:
    """An error in words that every store takes."""
    return storable_text(f"{type(error).__name__}: {error}")


def storable_text(text: str) -> str:
    """A text as every store takes it: PostgreSQL has no zeros in its texts, UTF-8 no surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
