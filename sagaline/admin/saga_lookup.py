"""Saga instances, found by their ids or by the keys of their business transactions.

They are read from their own streams, not from a read table, so that an operator acts on the present
state.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.application import project_aggregate

from sagaline.admin.entry import ReadableLog
from sagaline.application.saga_process import SagaProcess
from sagaline.errors import SagaAmbiguous, SagaUnknown
from sagaline.messaging.declaring import refuse_given
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.state import State
from sagaline.storage import LogRow


class Instance(NamedTuple):
    """A saga instance: its process, its rows in the log, and the state that results from them."""

    process: type[SagaProcess]
    rows: Sequence[LogRow]
    events: Sequence[Any]
    """The rows, decoded."""
    journal: Journal

    @property
    def key(self) -> str:
        """The key of its business transaction."""
        return self.journal.key

    @property
    def reason(self) -> str:
        """Why it was abandoned, or why it is stuck, or else why it compensates."""
        if self.journal.state is State.ABANDONED:
            return next(str(e.reason) for e in self.events if isinstance(e, Journal.Ended))
        return reason_of(self.journal)


def reason_of(journal: Journal) -> str:
    """Why an open instance is stuck, or else why it compensates."""
    stuck = [each.reason for each in journal.parts.values() if each.status.stuck]
    return stuck[0] if stuck else journal.reason


def steps_at(journal: Journal) -> list[str]:
    """The steps and closing commands that an open instance stands at: stuck ones, or else asked."""
    parts = journal.parts
    stuck = [name for name, each in parts.items() if each.status.stuck]
    return stuck or [name for name, each in parts.items() if each.status.in_flight]


def find_instance(
    processes: Iterable[type[SagaProcess]],
    logs: Mapping[str, ReadableLog],
    id: str,
    run: int | None = None,
) -> Instance:
    """Return the instance of this id, or of this key: its last run, or the run that is named.

    Raises SagaUnknown where there is none, and SagaAmbiguous where several sagas have the key.
    """
    _refuse_no_processes(processes, "find_instance")
    found = list(_found(processes, logs, id, run))
    if not found:
        raise SagaUnknown(id=id if run is None else f"{id}, run {run}")
    if len(found) > 1:
        ids = ", ".join(f"{each.journal.id} ({each.process.name})" for each in found)
        raise SagaAmbiguous(id=id, ids=ids)
    return found[0]


def instances_of_key(
    processes: Iterable[type[SagaProcess]], logs: Mapping[str, ReadableLog], key: str
) -> list[Instance]:
    """Return the last runs of a business transaction, at most one for each saga."""
    _refuse_no_processes(processes, "instances_of_key")
    return [each for process in processes for each in _runs(process, logs, key, None)]


def last_run(logs: Mapping[str, ReadableLog], found: Instance) -> int:
    """Return the number of the last run of an instance's key."""
    if found.journal.run == 1:
        return found.journal.last_run
    first = journal_id(found.process.name, found.key)
    return next(read_instances(found.process, logs, [first])).journal.last_run


def _refuse_no_processes(given: Any, where: str) -> None:
    if not isinstance(given, Collection) or not all(hasattr(each, "saga") for each in given):
        refuse_given(given, where, "Give the processes of a system: system.processes.")


def _found(
    processes: Iterable[type[SagaProcess]],
    logs: Mapping[str, ReadableLog],
    id: str,
    run: int | None,
) -> Iterator[Instance]:
    for process in processes:
        yield from _runs(process, logs, id, run)
        with suppress(ValueError):
            for each in read_instances(process, logs, [UUID(id)]):
                if run is None:
                    yield each
                else:
                    yield from _runs(process, logs, each.key, run)


def _runs(
    process: type[SagaProcess], logs: Mapping[str, ReadableLog], key: str, run: int | None
) -> Iterator[Instance]:
    """The run of a key, or its last one where none is named; nothing where there is none."""
    for first in read_instances(process, logs, [journal_id(process.name, key)]):
        number = first.journal.last_run if run is None else run
        if number == 1:
            yield first
        else:
            yield from read_instances(process, logs, [journal_id(process.name, key, number)])


def read_instances(
    process: type[SagaProcess], logs: Mapping[str, ReadableLog], ids: Sequence[UUID]
) -> Iterator[Instance]:
    """Read the instances of one saga with these ids, as far as there are any."""
    log = logs.get(process.name)
    if log is None:
        return
    for rows in log.recorder.streams(ids).values():
        if rows:
            decode: Any = log.mapper.to_domain_event  # a row has the fields of a stored event
            events = [decode(each) for each in rows]
            rebuilt: Any = project_aggregate(None, events)
            if rebuilt.started:
                yield Instance(process, rows, events, rebuilt)
