"""Sagas, and their steps, that take longer than they should."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sagaline.admin.entry import ReadableLog
from sagaline.admin.saga_lookup import Instance
from sagaline.admin.saga_pages import open_instances
from sagaline.application.saga_process import SagaProcess
from sagaline.saga.declaration import Declaration, saga_declaration
from sagaline.saga.instance import Journal
from sagaline.saga.items import step_name
from sagaline.saga.state import OPEN_STATES, Role, StepStatus
from sagaline.saga.versions import declarations_of, version_for
from sagaline.storage import Datastore


class Late(NamedTuple):
    """An instance that takes longer than it should, or one of its steps; empty for no step."""

    saga_id: str
    saga: str
    key: str
    state: str
    step: str
    since: datetime
    expected: timedelta

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values: times in ISO 8601, the expected time in seconds."""
        since, expected = self.since.isoformat(), self.expected.total_seconds()
        return {**self._asdict(), "since": since, "expected": expected}


def late_sagas(
    process: type[SagaProcess], logs: Mapping[str, ReadableLog], views: Datastore, now: datetime
) -> Iterator[Late]:
    """Read the open instances of a saga that are late at `now`, the oldest of each state first."""
    least = _least_expected(declarations_of(process.saga))
    if least is None:
        return
    for state in OPEN_STATES:
        for page in open_instances(process, logs, views, state, before=now - least):
            for each in page:
                if not each.journal.state.ended:
                    yield from _late(each, now)


def _least_expected(definitions: Sequence[Declaration]) -> timedelta | None:
    times = [each.head.expected for each in definitions]
    times += [step.expected for each in definitions for step in each.steps.values()]
    return min((each for each in times if each is not None), default=None)


def _late(found: Instance, now: datetime) -> Iterator[Late]:
    journal = found.journal
    declared = saga_declaration(version_for(found.process.saga, journal.fingerprint))
    parts = {"": (_started(found), declared.head.expected)}
    for name, since in _asked(found).items():
        step = declared.steps.get(name)
        parts[name] = since, None if step is None else step.expected
    for name, (since, expected) in parts.items():
        if expected is not None and now - since > expected:
            facts = str(journal.id), found.process.name, found.key, journal.state.value
            yield Late(*facts, name, since, expected)


def _started(found: Instance) -> datetime:
    starts = Journal.Started, Journal.Begun
    return next(each.timestamp for each in found.events if isinstance(each, starts))


def _asked(found: Instance) -> dict[str, datetime]:
    """The moments of the first requests of the steps, or items of them, that are not done."""
    waits = (StepStatus.ASKED, StepStatus.STUCK)
    asked: dict[str, datetime] = {}
    for each in found.events:
        requested = isinstance(each, Journal.Requested) and each.role is Role.DO
        if requested or isinstance(each, Journal.Waiting):
            asked.setdefault(each.step, each.timestamp)
    steps = found.journal.steps
    late: dict[str, datetime] = {}
    for name, at in asked.items():
        if steps[name].status in waits:
            late.setdefault(step_name(name), at)
    return late
