"""Recorded journals: read from a store or a file, and played against the code that is loaded."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sagaline.admin.entry import ReadableLog
from sagaline.application.saga_process import SagaProcess
from sagaline.codec import TypedMapper
from sagaline.errors import describe_error
from sagaline.runner.saga_streams import ended_streams, open_streams
from sagaline.saga.playback import Playback, Turn
from sagaline.system.system import System


class RecordedJournal(NamedTuple):
    """The journal of one instance: its rows, and what reads them."""

    saga: str
    stream: UUID
    key: str
    rows: Sequence[Any]
    """They have the topic, the version and the state of an event."""
    mapper: TypedMapper


class OtherTurn(NamedTuple):
    """An instance that the code would lead otherwise, and the first place where it would."""

    saga: str
    saga_id: UUID
    key: str
    place: int
    """The number of the event in its journal; 0 where the journal cannot be played."""
    input: str
    recorded: str
    now: str


def recorded_in(
    process: type[SagaProcess], log: ReadableLog, ended: int
) -> Iterator[RecordedJournal]:
    """Read the journals of the open instances of a saga, and of the last that have ended."""
    for pages in (open_streams(log.recorder), ended_streams(log.recorder, ended)):
        for page in pages:
            for stream, rows in log.recorder.streams(page).items():
                if rows:
                    yield RecordedJournal(process.name, stream, rows[0].key or "", rows, log.mapper)


def other_turns(
    system: System, journals: Iterable[RecordedJournal]
) -> Iterator[tuple[RecordedJournal, OtherTurn | None]]:
    """Play journals; yield each with the first turn that the code would take otherwise."""
    processes = {each.name: each for each in system.processes}
    for each in journals:
        turn = _other_turn(processes.get(each.saga), each)
        found = None if turn is None else OtherTurn(each.saga, each.stream, each.key, *turn)
        yield each, found


def _other_turn(process: type[SagaProcess] | None, journal: RecordedJournal) -> Turn | None:
    if process is None:
        return Turn(0, "", "", "the system has no saga of this name")
    try:
        events = [journal.mapper.to_domain_event(each) for each in journal.rows]
        play = Playback(process.saga, events, process.timings, process.takes_locks)
    except Exception as error:
        return Turn(0, "", "", f"its journal cannot be read ({describe_error(error)})")
    return play.first_other_turn()
