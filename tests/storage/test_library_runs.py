"""What the library's runners, repositories and transcoder do, and ours do not.

What ours does instead stands with the followers, the units of work and the codec.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, JSONTranscoder, Tracking
from eventsourcing.system import ProcessApplication, SingleThreadedRunner, System

import sagaline
from sagaline.errors import VersionConflict
from tests.storage.stores import opened, recorder_of, stored


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
    """Cannot read one kind of parcel."""

    @singledispatchmethod
    def policy(self, domain_event: Any, processing_event: Any) -> None:
        pass

    @policy.register(Parcel.Packed)
    def _(self, domain_event: Parcel.Packed, processing_event: Any) -> None:
        if domain_event.weight < 0:
            raise ValueError("lighter than nothing")


class Label(ProcessApplication[UUID]):
    """Has nothing to do with scales, but comes after them."""

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


def test_the_library_does_not_catch_up_with_what_was_there_at_start(env: dict[str, str]) -> None:
    depot = Depot(env)
    depot.pack(1)
    depot.close()
    system = System(pipes=[[Depot, Scale]])
    with SingleThreadedRunner[UUID](system, env) as running:
        assert running.get(Scale).recorder.max_tracking_id("Depot") is None


def test_the_library_blames_the_writer_for_its_follower_and_starves_the_next_one(
    runner: SingleThreadedRunner[UUID],
) -> None:
    depot = runner.get(Depot)
    for weight in (-1, 1):
        # The second is nothing's fault: the first is met again.
        with pytest.raises(Exception, match="lighter than nothing"):
            depot.pack(weight)
    assert depot.recorder.max_notification_id() == 2
    assert runner.get(Scale).recorder.max_tracking_id("Depot") is None
    assert runner.get(Label).recorder.max_tracking_id("Depot") is None


def _versions_after_a_rollback(depot: Application[UUID]) -> list[int]:
    """A group of saves is rolled back, and the same parcel is saved again."""
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


def test_the_library_keeps_in_memory_what_was_rolled_back_and_writes_a_hole(
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


def test_ours_forgets_what_was_rolled_back(sqlite_store: str) -> None:
    module = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": sqlite_store}
    depot = sagaline.Application(module | CACHING)
    assert _versions_after_a_rollback(depot) == [1, 2]
    depot.close()


def test_the_library_tells_one_conflict_from_another_by_nothing(env: dict[str, str]) -> None:
    scale = Scale(env)
    parcel = UUID(int=1)
    scale.recorder.insert_events([stored(parcel)], tracking=Tracking("Depot", 1))
    again = ([stored(parcel)], None), ([stored(UUID(int=2))], Tracking("Depot", 1))
    for events, tracking in again:
        with pytest.raises(IntegrityError) as found:
            scale.recorder.insert_events(events, tracking=tracking)
        assert type(found.value) is IntegrityError
    scale.close()


def test_ours_names_a_version_that_is_taken(store_url: str) -> None:
    with opened(store_url) as datastore:
        recorder = recorder_of(datastore)
        recorder.insert_events([stored(UUID(int=1))])
        with pytest.raises(VersionConflict):
            recorder.insert_events([stored(UUID(int=1))])


def test_the_library_saves_nothing_and_says_so_to_nobody_after_a_conflict(
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


def test_the_library_gives_other_types_back_than_it_was_given() -> None:
    transcoder = JSONTranscoder()
    assert transcoder.decode(transcoder.encode({1: (1, 2)})) == {"1": [1, 2]}
