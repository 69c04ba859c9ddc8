"""Checks live saga instances against the loaded definition: which of them can continue.

A store records the definition of each saga that was last run on it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.application import project_aggregate
from eventsourcing.persistence import Mapper

from sagaline.application.saga_process import SagaProcess
from sagaline.errors import describe_error
from sagaline.runner.saga_streams import open_streams
from sagaline.saga.compatibility import incompatibility
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.definition import Saga
from sagaline.saga.versions import former_versions, recorded_shape, version_for
from sagaline.storage import ApplicationRecorder
from sagaline.storage.tables.saga_definitions import Definition, definition_of, write_definition


class Verdict(NamedTuple):
    """Whether one live instance can continue; `reason` is why not, and empty where it can."""

    saga: str
    saga_id: UUID
    key: str
    state: str
    fingerprint: str
    reason: str

    @property
    def can_go_on(self) -> bool:
        """Whether the loaded definition can run it to its end."""
        return not self.reason


def is_changed(process: type[SagaProcess], recorder: ApplicationRecorder) -> bool:
    """Whether another definition was last run on this store, or none."""
    known = _known(process, recorder)
    return known != _loaded(process.saga)


def record_definition(process: type[SagaProcess], recorder: ApplicationRecorder) -> None:
    """Records the loaded definition in the store, once all live instances can continue with it."""
    with recorder.datastore.write() as connection:
        write_definition(connection, process.name, _loaded(process.saga))


def verdicts(
    process: type[SagaProcess], recorder: ApplicationRecorder, mapper: Mapper[UUID]
) -> Iterator[Verdict]:
    """A verdict on each instance that has started and not ended."""
    known = _known(process, recorder)
    described = None if known is None else known.shape
    decode: Any = mapper.to_domain_event  # a row has the fields it reads
    for page in open_streams(recorder):
        for stream, rows in recorder.streams(page).items():
            try:
                journal: Any = project_aggregate(None, map(decode, rows))
            except Exception as error:
                key = rows[0].key or ""
                reason = f"its stream cannot be read ({describe_error(error)})"
                yield Verdict(process.name, stream, key, "", "", reason)
            else:
                facts = stream, journal.key, journal.state.value, journal.fingerprint
                reason = incompatibility(process.saga, journal, described) or ""
                yield Verdict(process.name, *facts, reason)


class FormerDefinition(NamedTuple):
    """A former definition of a saga that the code has, and how many open instances go on by it."""

    saga: str
    definition: str
    open: int

    @property
    def text(self) -> str:
        """What an operator, or a developer, reads of it."""
        left = f"{self.open:,} open" if self.open else "none open, so its class may go"
        return f"{self.definition} of {self.saga}: {left}"


def former_definitions(
    process: type[SagaProcess], found: Iterable[Verdict]
) -> Iterator[FormerDefinition]:
    """The former definitions of a saga that the code has, with the open instances of each."""
    own = (each for each in found if each.saga == process.name)
    goes_by = Counter(version_for(process.saga, each.fingerprint) for each in own)
    for each in former_versions(process.saga):
        yield FormerDefinition(process.name, each.__name__, goes_by[each])


def _loaded(saga: type[Saga]) -> Definition:
    return Definition(saga_declaration(saga).fingerprint, recorded_shape(saga))


def _known(process: type[SagaProcess], recorder: ApplicationRecorder) -> Definition | None:
    with recorder.datastore.read() as connection:
        return definition_of(connection, process.name)
