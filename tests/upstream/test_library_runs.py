"""Faults of the library's runners, repositories and transcoder.

The framework's behaviour is tested with its followers, units of work and codec.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    DatetimeAsISO,
    DecimalAsStr,
    IntegrityError,
    JSONTranscoder,
    Mapper,
    StoredEvent,
    Tracking,
    TranscodingNotRegisteredError,
)
from eventsourcing.system import (
    MultiThreadedRunner,
    ProcessApplication,
    SingleThreadedRunner,
    System,
)
from eventsourcing.utils import TopicError, get_topic

import sagaline
from sagaline.errors import VersionConflict, VersionGap
from tests.sagaline.storage.stores import opened, recorder_of, stored


class Colour(Enum):
    RED = "red"


class Parcel(Aggregate):
    class Packed(Aggregate.Created):
        weight: int

    class Weighed(Aggregate.Event):
        weight: int

    @event(Packed)
    def __init__(self, weight: int) -> None:
        self.weight = weight

    @event(Weighed)
    def weigh(self, weight: int) -> None:
        self.weight = weight


class Depot(Application[UUID]):
    def pack(self, weight: int) -> UUID:
        parcel = Parcel(weight=weight)
        self.save(parcel)
        return parcel.id


class Scale(ProcessApplication[UUID]):
    """Fails on one kind of parcel."""

    @singledispatchmethod
    def policy(self, domain_event: Any, processing_event: Any) -> None:
        pass

    @policy.register(Parcel.Packed)
    def _(self, domain_event: Parcel.Packed, processing_event: Any) -> None:
        if domain_event.weight < 0:
            raise ValueError("lighter than nothing")


class Label(ProcessApplication[UUID]):
    """Follows the depot independently of the scale, but after it."""

    def policy(self, domain_event: Any, processing_event: Any) -> None:
        pass


@pytest.fixture
def env(sqlite_store: str) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": sqlite_store.removeprefix("sqlite:///"),
    }


@pytest.fixture
def runner(env: dict[str, str]) -> Iterator[SingleThreadedRunner[UUID]]:
    system = System(pipes=[[Depot, Scale], [Depot, Label]])
    with SingleThreadedRunner[UUID](system, env) as running:
        yield running


def test_the_library_does_not_catch_up_at_start(env: dict[str, str]) -> None:
    depot = Depot(env)
    depot.pack(1)
    depot.close()
    system = System(pipes=[[Depot, Scale]])
    with SingleThreadedRunner[UUID](system, env) as running:
        assert running.get(Scale).recorder.max_tracking_id("Depot") is None


def test_a_failing_follower_of_the_library_fails_its_writer_and_the_next_follower(
    runner: SingleThreadedRunner[UUID],
) -> None:
    depot = runner.get(Depot)
    for weight in (-1, 1):
        # The second save is correct, but the runner fails again on the first event.
        with pytest.raises(Exception, match="lighter than nothing"):
            depot.pack(weight)
    assert depot.recorder.max_notification_id() == 2
    assert runner.get(Scale).recorder.max_tracking_id("Depot") is None
    assert runner.get(Label).recorder.max_tracking_id("Depot") is None


def _versions_after_a_rollback(depot: Application[UUID]) -> list[int]:
    """The versions after several saves were rolled back and the same parcel was saved again."""
    recorder: Any = depot.recorder
    parcel = Parcel(weight=1)
    depot.save(parcel)

    def weigh(weight: int) -> None:
        found: Parcel = depot.repository.get(parcel.id)
        found.weigh(weight)
        depot.save(found)

    with suppress(KeyboardInterrupt), recorder.transaction(commit=True):
        weigh(2)
        raise KeyboardInterrupt
    weigh(3)
    return [each.originator_version for each in recorder.select_events(parcel.id)]


CACHING = {"AGGREGATE_CACHE_MAXSIZE": "10", "AGGREGATE_CACHE_FASTFORWARD": "no"}


def test_the_library_caches_a_rolled_back_aggregate_and_skips_a_version(
    sqlite_store: str,
) -> None:
    module = {"PERSISTENCE_MODULE": "eventsourcing_sqlalchemy", "SQLALCHEMY_URL": sqlite_store}
    depot = Depot(module | CACHING)
    recorder: Any = depot.recorder
    try:
        assert _versions_after_a_rollback(depot) == [1, 3]
    finally:
        depot.close()
        recorder.datastore.engine.dispose()


def test_ours_drops_a_rolled_back_aggregate_from_its_cache(sqlite_store: str) -> None:
    module = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": sqlite_store}
    depot = sagaline.Application(module | CACHING)
    assert _versions_after_a_rollback(depot) == [1, 2]
    depot.close()


def test_ours_refuses_what_the_cache_of_the_library_has_not_rolled_back(store_url: str) -> None:
    module = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": store_url}
    depot = Depot(module | CACHING)
    with pytest.raises(VersionGap, match=r"Version 3 of .* has none before it"):
        _versions_after_a_rollback(depot)
    (parcel,) = {
        UUID(str(each.originator_id)) for each in depot.recorder.select_notifications(1, 9)
    }
    versions = [each.originator_version for each in depot.recorder.select_events(parcel)]
    depot.close()
    assert versions == [1]
    with Depot(module | CACHING) as again:
        found: Parcel = again.repository.get(parcel)
        found.weigh(3)
        again.save(found)
        assert [each.originator_version for each in again.recorder.select_events(parcel)] == [1, 2]


def test_the_library_raises_the_same_error_for_all_conflicts(env: dict[str, str]) -> None:
    scale = Scale(env)
    parcel = UUID(int=1)
    scale.recorder.insert_events([stored(parcel)], tracking=Tracking("Depot", 1))
    again = ([stored(parcel)], None), ([stored(UUID(int=2))], Tracking("Depot", 1))
    for events, tracking in again:
        with pytest.raises(IntegrityError) as found:
            scale.recorder.insert_events(events, tracking=tracking)
        assert type(found.value) is IntegrityError
    scale.close()


def test_ours_names_the_conflicting_version(store_url: str) -> None:
    with opened(store_url) as datastore:
        recorder = recorder_of(datastore)
        recorder.insert_events([stored(UUID(int=1))])
        with pytest.raises(VersionConflict):
            recorder.insert_events([stored(UUID(int=1))])


def test_the_library_saves_nothing_without_an_error_after_a_conflict(
    env: dict[str, str],
) -> None:
    depot = Depot(env)
    parcel_id = depot.pack(1)
    mine: Parcel = depot.repository.get(parcel_id)
    theirs: Parcel = depot.repository.get(parcel_id)
    theirs.weigh(2)
    depot.save(theirs)
    mine.weigh(3)
    with pytest.raises(IntegrityError):
        depot.save(mine)
    assert depot.save(mine) == []
    found: Parcel = depot.repository.get(parcel_id)
    depot.close()
    assert found.weight == 2


def test_the_library_returns_other_types_than_it_stored() -> None:
    transcoder = JSONTranscoder()
    assert transcoder.decode(transcoder.encode({1: (1, 2)})) == {"1": [1, 2]}


def test_the_library_handles_a_repeated_command_twice(env: dict[str, str]) -> None:
    depot = Depot(env)
    assert depot.pack(1) != depot.pack(1)
    assert depot.recorder.max_notification_id() == 2
    # Nor does it record the command or event that caused an event.
    assert [each.name for each in fields(StoredEvent)] == [
        "originator_id", "originator_version", "topic", "state",
    ]  # fmt: skip
    depot.close()


@pytest.mark.parametrize("value", [date(2026, 1, 31), timedelta(1), {1}, b"bytes", Colour.RED])
def test_the_library_cannot_write_many_types(value: object) -> None:
    with pytest.raises(TranscodingNotRegisteredError):
        JSONTranscoder().encode(value)


def test_the_library_mistakes_user_data_for_its_own_markers() -> None:
    transcoder = JSONTranscoder()
    transcoder.register(DecimalAsStr())
    said = {"_type_": "decimal_str", "_data_": "1"}
    assert transcoder.decode(transcoder.encode(said)) == Decimal(1)


def test_the_library_cannot_read_events_of_a_renamed_class() -> None:
    mapper = Mapper[UUID](JSONTranscoder())
    gone = StoredEvent(UUID(int=1), 1, f"{__name__}:Parcel.Wrapped", b'{"weight":1}')
    with pytest.raises(TopicError):
        mapper.to_domain_event(gone)


def test_the_library_reads_an_event_written_by_newer_code() -> None:
    transcoder = JSONTranscoder()
    transcoder.register(DatetimeAsISO())
    mapper = Mapper[UUID](transcoder)
    state = transcoder.encode({"weight": 1, "timestamp": datetime.now(UTC), "class_version": 99})
    read: Any = mapper.to_domain_event(
        StoredEvent(UUID(int=1), 2, f"{__name__}:Parcel.Weighed", state)
    )
    assert read.weight == 1


class Stamp(Label):
    """Follows only events of weighed parcels."""

    topics = (get_topic(Parcel.Weighed),)


def test_the_library_moves_no_position_past_filtered_events(env: dict[str, str]) -> None:
    with SingleThreadedRunner[UUID](System(pipes=[[Depot, Stamp]]), env) as running:
        running.get(Depot).pack(1)
        with pytest.raises(TimeoutError):
            running.get(Stamp).recorder.wait("Depot", 1, timeout=0.2)


class Slow(ProcessApplication[UUID]):
    """Runs longer than the runner waits for it at its stop."""

    under_way, may_go_on = Event(), Event()

    def policy(self, domain_event: Any, processing_event: Any) -> None:
        self.under_way.set()
        self.may_go_on.wait(30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_library_leaves_a_slow_policy_running_when_it_stops(env: dict[str, str]) -> None:
    before = set(threading.enumerate())
    running = MultiThreadedRunner[UUID](System(pipes=[[Depot, Slow]]), env)
    running.start()
    running.get(Depot).pack(1)
    assert Slow.under_way.wait(30)
    running.stop()
    left = set(threading.enumerate()) - before
    Slow.may_go_on.set()
    for each in left:
        each.join(30)
    assert len(left) == 1
