"""Holds stored events against the code: one of each topic and class version is read and applied.

An event that the code cannot read ends every command on its aggregate and parks what follows it, so
it is named before anything runs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventsourcing.domain import CanInitAggregate
from eventsourcing.persistence import StoredEvent
from pydantic import ValidationError
from sqlalchemy import Connection

from sagaline.application.reactions import RepeatCommand
from sagaline.codec import TypedMapper, command_class, reason_of, unknown_topics
from sagaline.errors import UnknownTopic, Unreadable, describe_error
from sagaline.followers.timers import timer_state
from sagaline.saga.state import Answer
from sagaline.storage import ApplicationRecorder
from sagaline.storage.log.rows import Kind, LogRow, refuse_damaged
from sagaline.storage.log.samples import add_samples, samples_of
from sagaline.storage.tables.timers import first_timers

MAX_APPLIED: Final = 200
"""Events of one aggregate that are applied; later ones are decoded only."""

MAX_TIMERS: Final = 200
"""Timers of one follower that are read."""

_CURE: Final = "Give a new field a default, or raise class_version and write an upcast"
_FOREIGN: Final = (
    "it was written by the library's own JSON transcoder, and a sagaline.Application does not read "
    "that: leave it to an application of the library"
)


class Misfit(NamedTuple):
    """An event that the code cannot read: the first of its topic, and why."""

    application: str
    topic: str
    reason: str

    @property
    def text(self) -> str:
        """It as one line."""
        return f"{self.topic} in {self.application}: {self.reason}"


def in_one_line(misfits: Sequence[Misfit]) -> str:
    """The first of some misfits, and how many more there are."""
    more = f" ({len(misfits) - 1} more: see `sagaline check`)" if len(misfits) > 1 else ""
    return f"the code cannot read {misfits[0].text}{more}"


class Reading(NamedTuple):
    """What the code cannot read in a log: topics without a class, and events that do not fit."""

    unknown: list[str]
    misfits: list[Misfit]


class StoredEvents:
    """The events of one log, to be held against the code."""

    def __init__(
        self, application: str, recorder: ApplicationRecorder, mapper: TypedMapper
    ) -> None:
        self._application = application
        self._recorder = recorder
        self._mapper = mapper
        self._log = recorder.log.table.name
        self._unrecorded: list[Kind] | None = None

    def read(self, after: int = 0) -> Reading:
        """Reads the recorded samples, and the first event of each kind after `after`.

        A log whose samples are not complete is searched as a whole.
        """
        with self._recorder.datastore.read() as connection:
            recorded = samples_of(connection, self._log)
            kinds = self._recorder.log.kinds(connection, after)
            unknown = unknown_topics(sorted({each.topic for each in kinds}))
            if not recorded.is_complete:
                kinds = self._unrecorded = self._recorder.log.kinds(connection, 0)
            ids = recorded.ids.union(each.id for each in kinds)
            rows = self._recorder.log.rows_of(connection, ids)
            faults = dict(self._timer_faults(connection))
            for topic, reason in self._faults(rows):
                faults.setdefault(topic, reason)
        misfits = [Misfit(self._application, *each) for each in sorted(faults.items())]
        return Reading(unknown, misfits)

    def record(self) -> None:
        """Records what `read` has found that no writer had recorded: it searches a log once."""
        if self._unrecorded is not None:
            with self._recorder.datastore.write() as connection:
                add_samples(connection, self._log, self._unrecorded)

    def _faults(self, samples: Iterable[LogRow]) -> Iterator[tuple[str, str]]:
        """The topics that cannot be read, in the streams of the samples up to the last of them.

        Raises StoreDamaged for a version that is no number.
        """
        last: dict[UUID, int] = {}
        samples = list(samples)
        for row in samples:
            refuse_damaged(row, self._log)
        for row in sorted(samples, key=lambda each: each.originator_version):
            if row.originator_version > MAX_APPLIED:
                yield from self._unread([row], Applied(is_whole=False))
            else:
                last[row.originator_id] = row.originator_version
        for stream, version in last.items():
            rows = self._recorder.select_events(stream, lte=version)
            yield from self._unread(rows, Applied())

    def _timer_faults(self, connection: Connection) -> Iterator[tuple[str, str]]:
        for row in first_timers(connection, self._application, MAX_TIMERS):
            try:
                state = timer_state(self._application, row, self._mapper)
                command: Any = command_class(row.topic).model_validate_json(state)
                if isinstance(command, RepeatCommand):
                    command.command()
            except Exception as error:
                yield f"{row.topic} (timer {row.id})", _reason(error, row.state)

    def _unread(
        self, stream: Iterable[StoredEvent | LogRow], applied: "Applied"
    ) -> Iterator[tuple[str, str]]:
        """The events of a stream that cannot be decoded, and the first that cannot be applied."""
        decode: Any = self._mapper.to_domain_event  # a row has the fields it reads
        for stored in stream:
            try:
                applied.apply(decode(stored))
            except UnknownTopic as error:
                if applied.aggregate is not None:  # else its aggregate may be gone with it
                    yield stored.topic, f"{error}"
                applied.is_whole = False
            except Exception as error:
                yield stored.topic, _reason(error, stored.state)
                applied.is_whole = False


class Applied:
    """An aggregate to which the events of a stream are applied, as far as they can be read."""

    def __init__(self, is_whole: bool = True) -> None:
        self.aggregate: Any = None
        self.is_whole = is_whole
        """Whether every event so far was applied; else the next ones are only decoded."""

    def apply(self, event: Any) -> None:
        """Applies an event, and reads the events inside it. Raises what its code raises."""
        _read_inside(event)
        # A stream need not begin with its first event, and not every event changes an aggregate.
        self.is_whole &= self.aggregate is not None or isinstance(event, CanInitAggregate)
        if self.is_whole:
            self.aggregate = event.mutate(self.aggregate)


def _read_inside(value: Any) -> None:
    """Reads the fields that are decoded when they are first read, also of an answer."""
    if is_dataclass(value):
        for each in fields(value):
            inner = getattr(value, each.name)
            if isinstance(inner, Answer):
                _read_inside(inner)


def _bytes(state: object) -> bytes:
    return state if isinstance(state, bytes) else b""  # SQLite holds any value in any column


def _reason(error: Exception, state: bytes) -> str:
    if isinstance(error, UnknownTopic):
        return str(error)
    if b'"_type_"' in _bytes(state):
        return _FOREIGN
    if isinstance(error, Unreadable):
        return f"{error.reason}. {_CURE}"
    if isinstance(error, ValidationError):
        return f"{reason_of(error)}. {_CURE}"
    return f"{describe_error(error)}. {_CURE}"
